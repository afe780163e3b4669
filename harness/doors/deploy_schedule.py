"""`prefect deploy`, with another schedule."""

from __future__ import annotations

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated
from harness.doors._http import FAR_AWAY, OTHER_SCHEDULES
from harness.words.proof import Proof


def deploy_schedule(treated: Treated, nonce: str) -> CommandResult:
    """The description is changed, too, for the proof."""
    return treated.deploy(DESCRIPTION=nonce, RRULE=FAR_AWAY.replace("\n", "\\n"))


door = Door(deploy_schedule, Proof(effects=[OTHER_SCHEDULES]), only_for=DEPLOYED)
