"""Whether the server's clock ran evenly, and the door was answered while it was open.

The server's own times say who was at risk when the door was answered. A clock that steps makes them worthless, while
one that is merely ahead or behind does no harm. Where the lab's clock was moved, the history says by how much: then
each part has to have followed, and there may be no other step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from harness.checkers._check import Check
from harness.checkers._trial import came_to_its_end
from harness.history import moment, of_kind
from harness.words.events import Clock, ClockMoved, DoorClosed, Event
from harness.words.facts import ClockMove
from harness.words.outcomes import INCONCLUSIVE

_STEP = 3.0  # seconds: an answer's Date has whole ones, and uvicorn makes it once a second


def check(events: Sequence[Event]) -> Check:
    """`inconclusive` where the server's clock stepped, or a part did not follow a move of the lab's clock."""
    steps = check_clock(events) if came_to_its_end(events) else []
    return Check(outcome=INCONCLUSIVE, reason=steps[0]) if steps else Check()


@dataclass(frozen=True)
class _Reading:
    """When the server's clock was read, in words; what it showed, less all moves so far; and the host's seconds."""

    when: str
    server: datetime
    asked: float
    answered: float


def check_clock(events: Sequence[Event]) -> list[str]:
    """What is wrong with the server's clock, each in one sentence; nothing of it was recorded before schema 3."""
    problems = [problem for event in of_kind(events, ClockMoved) for problem in _did_not_follow(event.move)]
    for one, other in pairwise(_readings(events)):
        passed = (other.server - one.server).total_seconds()
        least, most = other.asked - one.answered, other.answered - one.asked
        if not least - _STEP < passed < most + _STEP:  # rule: clock-steps
            problems.append(
                f"the server's clock went {passed:+.0f} s in {least:.0f} s, between {one.when} and {other.when}"
            )
    answered = next((door.answered_at for door in of_kind(events, DoorClosed) if door.answered_at), None)
    read = of_kind(events, Clock)
    if answered and len(read) > 1 and not problems:
        opened, closed = (moment(each.server).timestamp() for each in read[:2])
        if not opened <= moment(answered).timestamp() <= closed + _STEP:  # rule: clock-answer-in-time
            problems.append(
                f"the door was answered at {answered} by the server's clock, and was open from "
                f"{read[0].server} to {read[1].server}"
            )
    return problems


def _readings(events: Sequence[Event]) -> Iterator[_Reading]:
    """Every reading of the server's clock, as it would be had the lab's clock never been moved.

    So a step that the history records is none, and one that it does not record stays one.
    """
    moved = timedelta()
    for event in events:
        if isinstance(event, Clock):
            yield _Reading(event.when, moment(event.server) - moved, event.asked, event.answered)
        elif isinstance(event, ClockMoved):
            move = event.move
            of = move.before
            yield _Reading("before the clock was moved", moment(of.shows) - moved, of.asked, of.answered)
            moved += timedelta(seconds=move.seconds)  # rule: clock-recorded-moves (skip)
            for of in move.after:
                if of.part == move.before.part:
                    yield _Reading("after the clock was moved", moment(of.shows) - moved, of.asked, of.answered)


def _did_not_follow(move: ClockMove) -> Iterator[str]:
    """What of a move the readings do not bear out, a sentence for each part that showed another time."""
    start = moment(move.was) + timedelta(seconds=move.seconds)
    for of in move.after:
        earliest = (of.asked - move.asked) - _STEP
        latest = (of.answered - move.asked) + _STEP
        shown = (moment(of.shows) - start).total_seconds()
        if not earliest < shown < latest:  # rule: clock-all-parts-follow
            yield f"the lab's clock was moved to {move.now}, and that of {of.part} showed {of.shows}"
