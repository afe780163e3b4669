"""`prefect deploy` of the file as it was."""

from __future__ import annotations

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated
from harness.doors._http import ONE
from harness.words.proof import REDEPLOY, Proof


def deploy_unchanged(treated: Treated, _nonce: str) -> CommandResult:
    return treated.deploy()


door = Door(deploy_unchanged, Proof(REDEPLOY, [ONE]), family="update", only_for=DEPLOYED)
