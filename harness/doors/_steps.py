"""Doors of two steps: a person does one thing, and a deploy comes after it."""

from __future__ import annotations

from harness.doors._cli import deploy_with_nonce, schedule_command
from harness.doors._door import CommandResult, Treated, after


def pause_then_deploy(treated: Treated, nonce: str) -> CommandResult:
    """`prefect deployment schedule pause` of the first schedule, then `prefect deploy`; the file does not say so."""
    chosen = treated.schedules()[0]["id"]
    paused = schedule_command("pause", "{deployment}", chosen)(treated, nonce)
    if paused.exit_code or any(one["active"] for one in treated.schedules() if one["id"] == chosen):
        return CommandResult(paused.exit_code or 1, f"the schedule was not paused\n{paused.output}", paused.seconds)
    treated.note_between()
    return after(paused, lambda: deploy_with_nonce(treated, nonce))
