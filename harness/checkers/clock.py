"""Whether the server's clock went forward by itself, and the door's answer lies where the door was, from a history.

The server's own times say who was at risk when the door was answered. A clock that steps makes them worthless, while
one that is merely ahead or behind does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from harness.history import Event, moment, of_kind

_STEP = 3.0  # seconds: an answer's Date has whole ones, and uvicorn makes it once a second


def check_clock(events: Sequence[Event]) -> list[str]:
    """What is wrong with the server's clock, each in one sentence; nothing where it was not recorded (before schema 3).

    A `clock` event has the server's time of an answer (`server`) and this host's monotonic seconds from before it was
    asked for to after it came (`asked`, `answered`).
    """
    read = of_kind(events, "clock")
    problems = []
    for one, other in pairwise(read):
        passed = (moment(other["server"]) - moment(one["server"])).total_seconds()
        least, most = other["asked"] - one["answered"], other["answered"] - one["asked"]
        if not least - _STEP < passed < most + _STEP:
            problems.append(
                f"the server's clock went {passed:+.0f} s in {least:.0f} s, between {one['when']} and {other['when']}"
            )
    door = next((door for door in of_kind(events, "door") if door.get("answered_at")), None)
    if door and len(read) > 1 and not problems:
        opened, closed = (moment(each["server"]).timestamp() for each in read[:2])
        if not opened <= moment(door["answered_at"]).timestamp() <= closed + _STEP:
            problems.append(
                f"the door was answered at {door['answered_at']} by the server's clock, and was open from "
                f"{read[0]['server']} to {read[1]['server']}"
            )
    return problems
