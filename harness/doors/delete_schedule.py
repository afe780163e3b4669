"""DELETE of the schedule whose runs are at risk."""

from __future__ import annotations

from harness.doors._http import SCHEDULES, on_schedules, request

door = on_schedules(
    request("DELETE", "/deployments/{id}/schedules/{schedule}"), f"DELETE {SCHEDULES}/", family="schedule-deletion"
)
