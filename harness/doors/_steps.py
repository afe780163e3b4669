"""Doors of two steps: a person does one thing, and a deploy comes after it."""

from __future__ import annotations

from collections.abc import Callable

from harness.doors._cli import deploy_with_nonce, schedule_command
from harness.doors._door import DEPLOYED, CommandResult, Door, Treated, after
from harness.doors._http import upsert
from harness.words.proof import Proof

Step = Callable[[Treated, str], CommandResult]


def pause_then_deploy(treated: Treated, nonce: str) -> CommandResult:
    """`prefect deployment schedule pause` of the first schedule, then `prefect deploy`; the file does not say so."""
    chosen = treated.schedules()[0]["id"]
    paused = schedule_command("pause", "{deployment}", chosen)(treated, nonce)
    if paused.exit_code or any(one["active"] for one in treated.schedules() if one["id"] == chosen):
        return CommandResult(paused.exit_code or 1, f"the schedule was not paused\n{paused.output}", paused.seconds)
    treated.note_between()
    return after(paused, lambda: deploy_with_nonce(treated, nonce))


def deploy_between(pause: Step, resume: Step, *, own_pool: bool = False) -> Door:
    """A practice that people are told to follow: something is paused, deployed, and resumed."""

    def open_(treated: Treated, nonce: str) -> CommandResult:
        paused = pause(treated, nonce)
        treated.note_between()
        deployed = after(paused, lambda: deploy_with_nonce(treated, nonce))
        if not deployed.exit_code:
            treated.note_between()
        return after(deployed, lambda: resume(treated, nonce))

    return Door(open_, own_pool=own_pool, only_for=DEPLOYED, by_name=True)


def after_green(then: Step, proof: Proof) -> Door:
    """Blue and green: the same deployment is made under another name, and then something is done to the first one."""

    def open_(treated: Treated, nonce: str) -> CommandResult:
        return after(upsert(treated, nonce, name=f"{treated.name}-green"), lambda: then(treated, nonce))

    return Door(open_, proof, only_for=DEPLOYED, by_name=True)
