"""`prefect deploy` of a file that has no key `schedules` any more."""

from __future__ import annotations

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated
from harness.words.proof import Effect, Proof


def deploy_no_schedules(treated: Treated, nonce: str) -> CommandResult:
    """The description is changed, too, for the proof. Whether the schedules go or stay, such a file does not say."""
    return treated.deploy(DESCRIPTION=nonce, SCHEDULES="none")


door = Door(deploy_no_schedules, Proof(asks=[Effect("schedules", "changes")]), only_for=DEPLOYED)
