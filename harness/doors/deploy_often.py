"""`prefect deploy` five times, one every 8 s, each with another description."""

from __future__ import annotations

from functools import partial

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated, after

_TIMES, _EVERY = 5, 8.0  # seconds from the begin of one to that of the next, if it is over by then


def deploy_often(treated: Treated, nonce: str) -> CommandResult:
    """As a pipeline that deploys more often than the schedule ticks. The last one says what the others did not."""
    clock, begun = treated.clock, treated.clock.monotonic()
    done = treated.deploy(DESCRIPTION="the first of several")
    for number in range(1, _TIMES):
        clock.sleep(max(0.0, begun + number * _EVERY - clock.monotonic()))
        said = nonce if number == _TIMES - 1 else f"number {number + 1} of several"
        done = after(done, partial(treated.deploy, DESCRIPTION=said))
    return done


door = Door(deploy_often, family="update", only_for=DEPLOYED)
