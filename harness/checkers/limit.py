"""Whether a deployment's concurrency limit holds, by the marks of its flow."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from datetime import datetime

from harness.checkers._check import Check
from harness.checkers._promise import Seen, promised
from harness.checkers._runs import sides_of
from harness.checkers._schedules import deployments_at
from harness.history import moment, of_kind
from harness.words.events import Event, Executions
from harness.words.facts import Execution
from harness.words.names import DRAINED, SIDES
from harness.words.promises import Breach

PROMISE = "No more runs of a deployment are executed at once than its concurrency limit allows."
_NAMED = 3  # of the runs beside one, in a reason


def check(events: Sequence[Event]) -> Check:
    """Broken where more executions overlap than the limit ever was; by their begin and end, outside of Prefect."""
    return promised(events, _look)


def _look(events: Sequence[Event]) -> Seen | None:
    marks = [mark for read in of_kind(events, Executions) if read.when == DRAINED for mark in read.executions]
    sides = sides_of(events)
    said, breaches = [], []
    for side in SIDES:
        read = [one[side] for one in (deployments_at(events, when) for when in ("before", "after")) if side in one]
        limits = [one.limit for one in read]
        mine = [mark for mark in marks if sides.get(mark.run) == side]
        if len(limits) < 2 or None in limits:
            continue
        limit = max(limit for limit in limits if limit is not None)  # rule: limit-the-larger (first alone)
        beyond = _beyond(mine, side, limit)
        ended = sum(mark.ended is not None for mark in mine)
        if not beyond and ended <= limit:  # rule: limit-could-be-broken
            continue
        said.append(f"{len(mine)} executed of the {side} deployment, at most {limit} at once")
        breaches += beyond
    return Seen(held="; ".join(said), breaches=breaches) if said else None


def _beyond(marks: Sequence[Execution], side: str, limit: int) -> list[Breach]:
    """Each execution that began while as many were under way as may be, which have ended.

    One that never ended counts as it begins, and not later: its process may be gone, and its slot free.
    """
    # rule: limit-open-end-says-nothing (without last)
    ended = [(moment(mark.began), moment(mark.ended or mark.began), mark) for mark in marks]
    under_way: list[tuple[datetime, str]] = []
    found = []
    for began, end, mark in sorted(ended, key=lambda one: one[0]):
        while under_way and under_way[0][0] <= began:  # rule: limit-by-begin-and-end
            heapq.heappop(under_way)
        if len(under_way) >= limit:  # rule: limit-is-reached (boundary)
            beside = ", ".join(sorted(run for _, run in under_way)[:_NAMED])
            what = f"began to be executed beside {len(under_way)} others ({beside}), and the limit is {limit}"
            found.append(Breach(side=side, run=mark.run, what=what, at=mark.began))
        heapq.heappush(under_way, (end, mark.run))
    return found
