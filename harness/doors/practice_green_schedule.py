"""The same deployment under another name, then `prefect deployment schedule pause` of the first one."""

from __future__ import annotations

from harness.doors._cli import schedule_command
from harness.doors._http import OTHER_SCHEDULES, SCHEDULES, by_requests
from harness.doors._steps import after_green

door = after_green(
    schedule_command("pause", "{deployment}", "{schedule}"),
    by_requests("POST /api/deployments/ ", f"PATCH {SCHEDULES}/", effect=OTHER_SCHEDULES),
)
