"""`prefect deploy` of a file that says `schedules: []`."""

from __future__ import annotations

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated
from harness.words.proof import Effect, Proof


def deploy_empty_schedules(treated: Treated, nonce: str) -> CommandResult:
    """The description is changed, too, for the proof. That no schedule is left is asked for, and proves nothing."""
    return treated.deploy(DESCRIPTION=nonce, SCHEDULES="empty")


door = Door(
    deploy_empty_schedules,
    Proof(asks=[Effect("schedules", "becomes", value=[])]),
    only_for=DEPLOYED,
)
