"""`prefect deploy` four times in a row, each with another description."""

from __future__ import annotations

from functools import partial

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated, after

_TIMES = 4


def deploy_storm(treated: Treated, nonce: str) -> CommandResult:
    """As several merges deploy one after the other. The last one says what the others did not."""
    done = treated.deploy(DESCRIPTION="the first of several")
    for number in range(2, _TIMES + 1):
        said = nonce if number == _TIMES else f"number {number} of several"
        done = after(done, partial(treated.deploy, DESCRIPTION=said))
    return done


door = Door(deploy_storm, family="update", only_for=DEPLOYED)
