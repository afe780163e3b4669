"""POST of another schedule, which ticks once a week."""

from __future__ import annotations

from harness.doors._http import SCHEDULES, on_schedules, request

_WEEKLY = [{"active": True, "schedule": {"cron": "0 0 * * 0", "timezone": "UTC"}}]

door = on_schedules(request("POST", "/deployments/{id}/schedules", _WEEKLY), f"POST {SCHEDULES} ")
