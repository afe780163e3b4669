"""PATCH of the schedule with another rule."""

from __future__ import annotations

from harness.doors._http import ANOTHER_RULE, SCHEDULES, on_schedules, request

door = on_schedules(
    request("PATCH", "/deployments/{id}/schedules/{schedule}", {"schedule": ANOTHER_RULE}), f"PATCH {SCHEDULES}/"
)
