"""`prefect deployment schedule pause`."""

from __future__ import annotations

from harness.doors._cli import schedule_command
from harness.doors._http import SCHEDULES, on_schedules

door = on_schedules(schedule_command("pause", "{deployment}", "{schedule}"), f"PATCH {SCHEDULES}/", family="update")
