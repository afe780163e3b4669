"""`prefect deployment schedule pause`, then `prefect deploy`, then `prefect deployment schedule resume`."""

from __future__ import annotations

from harness.doors._cli import schedule_command
from harness.doors._door import CommandResult, Treated
from harness.doors._steps import deploy_between


def resume(treated: Treated, nonce: str) -> CommandResult:
    """The command fails where a schedule is active; a deploy turns a paused one on again (docs/findings)."""
    if treated.schedules()[0]["active"]:
        return CommandResult(0, "the schedule is active: the deploy had turned it on again", 0.0)
    return schedule_command("resume", "{deployment}", "{schedule}")(treated, nonce)


door = deploy_between(schedule_command("pause", "{deployment}", "{schedule}"), resume)
