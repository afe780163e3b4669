"""`prefect deploy` with the collision strategy CANCEL_NEW, and 20 s in which the server looks for late runs."""

from __future__ import annotations

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated
from harness.words.proof import Effect, Proof

_AWHILE = 20.0


def deploy_cancel_new(treated: Treated, nonce: str) -> CommandResult:
    """The description is changed, too, for the proof."""
    done = treated.deploy(DESCRIPTION=nonce, CONCURRENCY_LIMIT="1 CANCEL_NEW")
    treated.clock.sleep(_AWHILE)
    return done


door = Door(
    deploy_cancel_new,
    Proof(effects=[Effect("concurrency_options", "changes")]),
    only_for=DEPLOYED,
    versions=">=3.1.0",
    versions_reason="a limit has a collision strategy from 3.1.0 on",
)
