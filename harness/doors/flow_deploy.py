"""`flow.deploy()` from Python, with another description."""

from __future__ import annotations

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated
from harness.words.places import ROOT

_SCRIPT = ROOT / "scenarios" / "_common" / "flow_deploy.py"


def flow_deploy(treated: Treated, nonce: str) -> CommandResult:
    treated.write(DESCRIPTION=nonce)
    return treated.run_python(_SCRIPT)


door = Door(
    flow_deploy,
    family="update",
    only_for=DEPLOYED,
    versions=">=3.0.0",
    versions_reason="`flow.deploy()` takes flows from a local folder from 3.0.0 on",
)
