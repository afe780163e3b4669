"""`prefect deployment schedule pause`, then `resume`."""

from __future__ import annotations

from harness.doors._cli import schedule_command
from harness.doors._door import CommandResult, Door, Treated, after
from harness.doors._http import SCHEDULES, THE_SAME_SCHEDULES, by_requests


def schedule_resume(treated: Treated, nonce: str) -> CommandResult:
    """`resume` once it is paused: of one that is active it changes nothing. Of several schedules, the first."""
    chosen = treated.schedules()[0]["id"]  # a server may list them in another order once one has changed
    paused = schedule_command("pause", "{deployment}", chosen)(treated, nonce)
    active = [schedule["id"] for schedule in treated.schedules() if schedule["active"]]
    if paused.exit_code or chosen in active:
        return CommandResult(paused.exit_code or 1, f"the schedule was not paused\n{paused.output}", paused.seconds)
    return after(paused, lambda: schedule_command("resume", "{deployment}", chosen)(treated, nonce))


door = Door(schedule_resume, by_requests(f"PATCH {SCHEDULES}/", effect=THE_SAME_SCHEDULES))
