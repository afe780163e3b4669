"""`prefect deployment schedule pause`, then `resume`."""

from __future__ import annotations

from harness.doors._cli import schedule_command
from harness.doors._door import CommandResult, Door, Treated, after
from harness.doors._http import SCHEDULES, THE_SAME_SCHEDULES, by_requests


def schedule_resume(treated: Treated, nonce: str) -> CommandResult:
    """`resume` once it is paused: of one that is active it changes nothing."""
    paused = schedule_command("pause", "{deployment}", "{schedule}")(treated, nonce)
    if paused.exit_code or any(schedule["active"] for schedule in treated.schedules()):
        return CommandResult(paused.exit_code or 1, f"the schedule was not paused\n{paused.output}", paused.seconds)
    return after(paused, lambda: schedule_command("resume", "{deployment}", "{schedule}")(treated, nonce))


door = Door(schedule_resume, by_requests(f"PATCH {SCHEDULES}/", effect=THE_SAME_SCHEDULES))
