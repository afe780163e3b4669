"""POST of another schedule, its one tick far away."""

from __future__ import annotations

from harness.doors._http import ANOTHER_SCHEDULE, SCHEDULES, on_schedules, request

door = on_schedules(request("POST", "/deployments/{id}/schedules", ANOTHER_SCHEDULE), f"POST {SCHEDULES} ")
