"""The clock of a staging's lab is moved, once nothing is under way that the move itself would harm.

A move is no time that passes: what sleeps, sleeps on, and what was to happen in between does not happen. So two things
would look like findings that are none (docs/explanation/decisions/a-movable-clock.md): ticks without a run, where the
scheduler had not made the coming runs yet, and runs that end because a lease or a heartbeat seems to have run out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from harness.history import moment
from harness.lab.moving import clock_of
from harness.lab.moving import move_clock as move_clock_of
from harness.trials.staging import Staging
from harness.trials.tally import scheduled, under_way
from harness.words.errors import LabError
from harness.words.waiting import NotYet

_POLL = 1.0  # seconds; each look lists all runs


def move_clock(staging: Staging, to: datetime, *, calm: bool = True) -> None:
    """Move the clock of the lab ahead to an instant, and record that with what each part shows then.

    It waits until no run of the staging is Pending or Running, and until the scheduler has made the runs that the move
    passes. With `calm=False` it waits for nothing, for a trial that is about just that.

    Raises: LabError where the lab's clock is the host's, where another scenario shares the lab, and for a move back;
    DeadlineError where it does not get calm, or a part does not follow.
    """
    lab, clock = staging.lab, clock_of(staging.lab)
    if len(staging.together) > 1:
        raise LabError("a scenario that moves the clock has to be alone in its lab; it says so (clock=WARP)")
    if calm:
        passed = {tick for tick in staging.due if clock.now() < tick <= to}
        seconds = lab.patience(lab.deadlines.backlog, 20)
        lab.wait_until(
            "calm before the clock is moved", lambda: _check_calm(staging, passed, to), seconds=seconds, every=_POLL
        )
    facts = move_clock_of(lab, to - clock.now())
    staging.record("clock-moved", calm=calm, move=facts)


def pass_without_worker(staging: Staging, begins: datetime, ends: datetime, last_tick: datetime) -> None:
    """Deploy at one instant schedules that go on, and move the clock to another, after the last tick that is staged.

    The worker is gone already, so the runs in between turn Late.
    """
    move_clock(staging, begins)
    staging.deploy_all()
    staging.turn.close()
    staging.read_deployments()
    staging.goes_on = True
    staging.last_tick = last_tick
    move_clock(staging, ends)


def check_at_rest(staging: Staging) -> None:
    """Raises: NotYet while a run of the staging is Pending or Running. A count costs a tenth of what a listing does."""
    if busy := under_way(staging):
        raise NotYet(f"{busy} runs are Pending or Running")


def states_of(runs: Sequence[Mapping[str, Any]]) -> str:
    """The names of the states that runs are in, each once."""
    return ", ".join(sorted({run["state_name"] for run in runs})) or "not there"


def _check_calm(staging: Staging, passed: set[datetime], to: datetime) -> None:
    """Raises: NotYet while a run is under way, or a run is not there yet that is due before `to`.

    Of a schedule that goes on, the scheduler makes all runs up to some time in one piece: one that is due after `to`
    shows that those before it are there.
    """
    if (made := scheduled(staging)) < (wanted := len(passed) * len(staging.deployed)):
        raise NotYet(f"{made} of {wanted} runs are there")
    check_at_rest(staging)  # rule: calm-nothing-under-way
    runs = staging.runs_if_answered(all_of_them=True)
    for name, deployment_id in staging.deployed.items():
        there = {moment(run["expected_start_time"]) for run in runs if run["deployment_id"] == deployment_id}
        if lacking := sorted(passed - there):  # rule: calm-coming-runs-are-there
            raise NotYet(f"{name} has no run yet for {len(lacking)} of {len(passed)} ticks, {lacking[0]} for one")
        if staging.goes_on and not any(tick > to for tick in there):  # rule: calm-schedule-goes-on
            raise NotYet(f"the last of {len(there)} runs of {name} is due before {to.isoformat()}")
