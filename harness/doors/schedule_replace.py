"""`prefect deployment schedule create --replace`."""

from __future__ import annotations

from harness.doors._cli import schedule_command
from harness.doors._http import FAR_AWAY, SCHEDULES, on_schedules

door = on_schedules(
    schedule_command("create", "--replace", "--accept-yes", "--rrule", FAR_AWAY, "{deployment}"),
    f"DELETE {SCHEDULES}/",
    f"POST {SCHEDULES} ",
    family="schedule-deletion",
)
