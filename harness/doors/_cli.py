"""Doors by Prefect's command line, on the deployer."""

from __future__ import annotations

from collections.abc import Callable

from harness.doors._door import CommandResult, Treated
from harness.doors._http import FAR_AWAY
from harness.words.proof import Effect

SLUG = "staged"
HAS_SLUG = Effect("schedules", "has", value={"slug": SLUG})
SINCE_SLUGS, SLUGS_REASON = ">=3.2.0", "a schedule has a slug from 3.2.0 on"


def deploy_with_nonce(treated: Treated, nonce: str) -> CommandResult:
    """`prefect deploy`, the file changed in the description alone."""
    return treated.deploy(DESCRIPTION=nonce)


def deploy_another_schedule(treated: Treated, nonce: str) -> CommandResult:
    """`prefect deploy`, with another schedule; the description is changed, too, for the proof."""
    return treated.deploy(DESCRIPTION=nonce, SCHEDULES=f"rrule {FAR_AWAY} UTC".replace("\n", " "))


def schedule_command(*words: str) -> Callable[[Treated, str], CommandResult]:
    """`prefect deployment schedule`; `{deployment}` and `{schedule}` in the words are the treated one's."""

    def open_(treated: Treated, _nonce: str) -> CommandResult:
        names = {"deployment": f"{treated.flow}/{treated.name}", "schedule": treated.schedules()[0]["id"]}
        return treated.prefect("deployment", "schedule", *(word.format(**names) for word in words))

    return open_
