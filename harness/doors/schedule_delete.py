"""`prefect deployment schedule delete`."""

from __future__ import annotations

from harness.doors._cli import schedule_command
from harness.doors._http import SCHEDULES, on_schedules

door = on_schedules(
    schedule_command("delete", "--accept-yes", "{deployment}", "{schedule}"),
    f"DELETE {SCHEDULES}/",
    family="schedule-deletion",
)
