"""How a backlog of hundreds stands, by counts. A listing of it takes the server half a second, and a count 5 ms."""

from __future__ import annotations

from typing import Any

from harness.trials.staging import Staging
from harness.words.errors import NoAnswerError
from harness.words.names import CALLED_WAITING, HOLDS_A_SLOT
from harness.words.waiting import NotYet


def still_scheduled(staging: Staging) -> int:
    """How many runs of the backlog have not even turned Late."""
    return _count(staging, {"name": {"any_": ["Scheduled"]}})


def scheduled(staging: Staging) -> int:
    """How many runs of its deployments wait for their time, or are past it, whenever that is."""
    return _count(staging, {"name": {"any_": [*CALLED_WAITING]}})


def unfinished(staging: Staging) -> tuple[int, int]:
    """How many runs of the backlog wait, and how many are under way."""
    waiting, moving = {"name": {"any_": [*CALLED_WAITING]}}, {"type": {"any_": sorted(HOLDS_A_SLOT)}}
    return _count(staging, waiting), _count(staging, moving)


def under_way(staging: Staging) -> int:
    """How many runs of its deployments are Pending or Running, whenever they were due."""
    return _count(staging, {"type": {"any_": sorted(HOLDS_A_SLOT)}}, all_of_them=True)


def _count(staging: Staging, state: Any, *, all_of_them: bool = False) -> int:
    """Raises: NotYet, as `Staging.runs_if_answered` does."""
    staging.lab.check_server_alive()
    until = staging.last_tick if staging.goes_on and not all_of_them else None
    try:
        return staging.lab.api.count_flow_runs(staging.deployed.values(), state, until=until)
    except NoAnswerError as error:
        raise NotYet(error.reason) from error
