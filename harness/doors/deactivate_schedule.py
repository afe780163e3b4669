"""PATCH of the schedule with `active: false`."""

from __future__ import annotations

from harness.doors._http import SCHEDULES, on_schedules, request

door = on_schedules(
    request("PATCH", "/deployments/{id}/schedules/{schedule}", {"active": False}),
    f"PATCH {SCHEDULES}/",
    family="update",
)
