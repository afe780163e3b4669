"""`prefect deploy` of a file that says `schedules: []`, where PREFECT_DEPLOYMENTS_CLEAR_SCHEDULES_ON_EMPTY is true."""

from __future__ import annotations

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated, after
from harness.words.proof import Effect, Proof

_SETTING = "PREFECT_DEPLOYMENTS_CLEAR_SCHEDULES_ON_EMPTY"


def deploy_cleared(treated: Treated, nonce: str) -> CommandResult:
    """The setting is the deployer's. It is taken back again, for the doors that come after."""
    done = treated.prefect("config", "set", f"{_SETTING}=true")
    done = after(done, lambda: treated.deploy(DESCRIPTION=nonce, SCHEDULES="empty"))
    taken_back = treated.prefect("config", "unset", "--yes", _SETTING)
    return after(done, lambda: taken_back)


door = Door(
    deploy_cleared,
    Proof(asks=[Effect("schedules", "becomes", value=[])]),
    only_for=DEPLOYED,
    versions=">=3.9.0",
    versions_reason="the setting is there from 3.9.0 on",
)
