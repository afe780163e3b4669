"""What a run is, and what its states and the answers about it say: what several checkers ask of one flow run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any

from harness.history import moment, of_kind
from harness.words.events import Event, Listing, Look, States
from harness.words.facts import Answer, FlowRun, RunState
from harness.words.names import ENDED

GONE = "Flow run not found"
# What a run is, and what it is going to execute: the same before the door and at each look after it.
IDENTITY = (  # rule: kept-new-state-id
    "name",  # rule: altered-renamed
    "flow_id",
    "deployment_id",  # rule: altered-deployment
    "work_pool_name",  # rule: altered-pool
    "work_queue_name",  # rule: altered-queue
    "parameters",  # rule: altered-parameters
    "tags",
    "job_variables",
    "idempotency_key",
)
EXPECTED, NEXT = "expected_start_time", "next_scheduled_start_time"


def states_read(events: Sequence[Event], when: str) -> dict[str, list[RunState]]:
    """The state history of each run, by its id, as it was read at AFTER or DRAINED."""
    return {event.run: event.states for event in of_kind(events, States) if event.when == when}


def listed_at(events: Sequence[Event], when: str) -> dict[str, FlowRun]:
    """The runs of the last listing of that name, by their ids."""
    listings = [listing for listing in of_kind(events, Listing) if listing.when == when][-1:]
    return {run.run: run for listing in listings for run in listing.runs}


def found_at(events: Sequence[Event], when: str) -> dict[str, Answer]:
    """What the last look of that name found, by the run's id: the last answer of each run that was there."""
    looks = [look for look in of_kind(events, Look) if look.when == when][-1:]
    return {answer.run: answer for look in looks for answer in look.answers if answer.status == 200}


def sides_of(events: Sequence[Event]) -> dict[str, str]:
    """The side of every run that a listing has, by its id."""
    return {run.run: run.side for listing in of_kind(events, Listing) for run in listing.runs if run.side}


def in_order(states: Iterable[RunState]) -> list[RunState]:
    return sorted(states, key=lambda entry: moment(entry.timestamp))


def states_after(listed: FlowRun, states: Sequence[RunState]) -> list[RunState]:
    """Of a run's states in order, those later than the one that it was listed in."""
    then, ids = listed.state_timestamp, [entry.id for entry in states]
    if listed.state_id in ids:
        return list(states[ids.index(listed.state_id) + 1 :])
    return [entry for entry in states if not then or moment(entry.timestamp) > moment(then)]


def has_its_past(listed: FlowRun, states: Iterable[RunState]) -> bool:
    """Whether the state that a run was listed in is among its states."""
    return not listed.state_id or listed.state_id in [entry.id for entry in states]


def has_completed(end: FlowRun, states: Iterable[RunState] | None, since: FlowRun | None = None) -> bool:
    """Whether a run, last seen as `end`, ran and ended by completing, whatever it was called after that.

    `states` are its own, None where they were never read; `since`: as it was listed before, and ran since.

    A worker may call a run Crashed a moment after it completed (seen, 3.4.25: the lease on its slot was not renewed).
    One that was put back after that and ran again did not end by it; a state that came after `end` says nothing. One
    that is called Completed with no Running before it did not run.
    """
    if states is None:
        return end.state_type == "COMPLETED"
    seen = end.state_timestamp
    # rule: completed-when-last-seen
    known = [one for one in in_order(states) if seen and moment(one.timestamp) <= moment(seen)]
    # rule: completed-since-listed (never)
    types = [one.type for one in (states_after(since, known) if since else known)]
    # rule: completed-not-crashed-later
    ended = list(takewhile(ENDED.__contains__, reversed(types)))  # rule: completed-whatever-later
    # rule: completed-not-under-way (without first), tick-never-ran (without last)
    return end.state_type in ENDED and "COMPLETED" in ended and "RUNNING" in types[: len(types) - len(ended)]


def _is_gone(answer: Answer) -> bool:
    # rule: lost-by-its-body (without last)
    return answer.status == 404 and isinstance(answer.body, dict) and answer.body.get("detail") == GONE


def is_gone_for_good(answers: Sequence[Answer]) -> bool:
    """Whether the server said so each time that it was asked, and more than once."""
    return (
        len(answers) >= 2  # rule: lost-404-twice (one less)
        # rule: lost-only-by-404
        and all(map(_is_gone, answers))
    )


def same_instant(one: Any, other: Any) -> bool:
    """Whether two times are the same, however they are written."""
    with suppress(TypeError, ValueError):
        return moment(one) == moment(other)
    return False
