"""Whether the server's clock ran evenly, and the door was answered while it was open.

The server's own times say who was at risk when the door was answered. A clock that steps makes them worthless, while
one that is merely ahead or behind does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from harness.checkers._check import Check
from harness.checkers._trial import came_to_its_end
from harness.history import moment, of_kind
from harness.words.events import Clock, DoorClosed, Event
from harness.words.outcomes import INCONCLUSIVE

_STEP = 3.0  # seconds: an answer's Date has whole ones, and uvicorn makes it once a second


def check(events: Sequence[Event]) -> Check:
    """`inconclusive` where the server's clock stepped."""
    steps = check_clock(events) if came_to_its_end(events) else []
    return Check(outcome=INCONCLUSIVE, reason=steps[0]) if steps else Check()


def check_clock(events: Sequence[Event]) -> list[str]:
    """What is wrong with the server's clock, each in one sentence; nothing of it was recorded before schema 3."""
    read = of_kind(events, Clock)
    problems = []
    for one, other in pairwise(read):
        passed = (moment(other.server) - moment(one.server)).total_seconds()
        least, most = other.asked - one.answered, other.answered - one.asked
        if not least - _STEP < passed < most + _STEP:  # rule: clock-steps
            problems.append(
                f"the server's clock went {passed:+.0f} s in {least:.0f} s, between {one.when} and {other.when}"
            )
    answered = next((door.answered_at for door in of_kind(events, DoorClosed) if door.answered_at), None)
    if answered and len(read) > 1 and not problems:
        opened, closed = (moment(each.server).timestamp() for each in read[:2])
        if not opened <= moment(answered).timestamp() <= closed + _STEP:  # rule: clock-answer-in-time
            problems.append(
                f"the door was answered at {answered} by the server's clock, and was open from "
                f"{read[0].server} to {read[1].server}"
            )
    return problems
