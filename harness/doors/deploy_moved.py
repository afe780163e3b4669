"""`prefect deploy`, moved to another work pool."""

from __future__ import annotations

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated
from harness.words.proof import Effect, Proof


def deploy_moved(treated: Treated, nonce: str) -> CommandResult:
    """The description is changed, too, for the proof."""
    another = f"{treated.read()['work_pool_name']}-moved"
    treated.api.create_work_pool(another)
    return treated.deploy(DESCRIPTION=nonce, POOL=another)


door = Door(deploy_moved, Proof(effects=[Effect("work_pool_name", "changes")]), only_for=DEPLOYED)
