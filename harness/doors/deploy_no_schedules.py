"""`prefect deploy` of a file that has no key `schedules` any more."""

from __future__ import annotations

from harness.doors._door import DEPLOYED, CommandResult, Door, Treated


def deploy_no_schedules(treated: Treated, nonce: str) -> CommandResult:
    """The description is changed, too, for the proof. What is to become of the schedules, such a file does not say."""
    return treated.deploy(DESCRIPTION=nonce, SCHEDULES="none")


door = Door(deploy_no_schedules, only_for=DEPLOYED)
