"""`prefect deploy`, with other parameters."""

from __future__ import annotations

import json

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated


def deploy_parameters(treated: Treated, nonce: str) -> CommandResult:
    return treated.deploy(PARAMETERS=json.dumps({"note": nonce}))


door = Door(deploy_parameters, family="update", only_for=DEPLOYED)
