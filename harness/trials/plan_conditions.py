"""The conditions that a plan of chaos waits for, of all runs of a deployment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from harness.chaos.plans import DONE, LATE, UPCOMING
from harness.history import moment
from harness.trials.moving import states_of
from harness.trials.staging import Staging
from harness.words.errors import NoAnswerError
from harness.words.names import ENDED, WAITS
from harness.words.waiting import NotYet

Runs: TypeAlias = Sequence[Mapping[str, Any]]
LATE_STATE = "Late"  # what the server calls a run that no worker took for some seconds
SLOT_STATE = "AwaitingConcurrencySlot"  # and one that a worker took, and that found no slot
_AT_RISK = {SLOT_STATE: LATE_STATE}  # rule: plan-slot-wait-is-as-late (without first)


def check_condition(condition: str, staging: Staging, ids: Iterable[str]) -> None:
    """Raises: NotYet while the condition does not hold of the runs of each of these deployments."""
    now = staging.lab.clock.now()
    until = None if condition == UPCOMING else now  # a listing of all that are to come is ten times as long
    for runs in _runs_of(staging, ids, until):
        if not _CONDITIONS[condition](runs, now):
            due = [run for run in runs if moment(run["expected_start_time"]) <= now]
            raise NotYet(f"{len(due)} runs were due, and are {states_of(due)}")


def check_called_late(staging: Staging, ids: Iterable[str]) -> None:
    """Raises: NotYet if a run of one of these deployments is Late, and another one has a run that is going to be.

    One that waits for a slot counts as one that is Late.
    """
    names = [
        {_AT_RISK.get(run["state_name"], run["state_name"]) for run in runs if run["state_type"] in WAITS}
        for runs in _runs_of(staging, ids, staging.lab.clock.now())
    ]
    if any(LATE_STATE in each for each in names) and any(each and LATE_STATE not in each for each in names):
        raise NotYet(f"the waiting runs are {names}")


def _runs_of(staging: Staging, ids: Iterable[str], until: datetime | None) -> Iterator[Runs]:
    """The runs of each of these deployments that are due until then. Raises: NotYet for no answer."""
    staging.lab.check_server_alive()
    for deployment_id in ids:
        try:
            yield staging.lab.api.flow_runs(deployments=[deployment_id], until=until)
        except NoAnswerError as error:
            raise NotYet(error.reason) from error


def _is_upcoming(runs: Runs, now: datetime) -> bool:
    return any(moment(run["expected_start_time"]) > now for run in runs)


def _is_late(runs: Runs, _now: datetime) -> bool:
    return any(run["state_name"] == LATE_STATE for run in runs)


def _is_done(runs: Runs, now: datetime) -> bool:
    return all(run["state_type"] in ENDED for run in runs if moment(run["expected_start_time"]) <= now)


_CONDITIONS: Mapping[str, Callable[[Runs, datetime], bool]] = {
    LATE: _is_late, DONE: _is_done, UPCOMING: _is_upcoming,
}  # fmt: skip
