"""What the report of a trial and the page of a run say in the same words: the last look at a run, the clock, a log."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.history import of_kind
from harness.words.events import ClockMoved, DoorClosed, Event
from harness.words.names import WARP

_CHANGE = re.compile(
    r'"(POST|PUT|PATCH|DELETE) /api/'
    r"(?!logs|flow_runs|deployments/get_scheduled|work_pools/.*/(get_scheduled|workers))(?!.*/filter )"
)


def once(relabelled: bool) -> str:
    """What is said beside the last look at a run whose state changed after it had completed."""
    return ", once Completed" if relabelled else ""


def door_log(doors: Sequence[DoorClosed]) -> list[str]:
    """The lines of the server's log, while the door was open, in which something was changed.

    Reads, polls, heartbeats and the runs' own states say nothing of the door.
    """
    return [line for door in doors[-1:] for line in door.server_log if _CHANGE.search(line)]


def clock_of(clock: str, events: Sequence[Event]) -> str:
    """Which clock a lab was on, in words, and when it was moved."""
    if clock != WARP:
        return "this host's (`--clock real`)"
    moves = [f"from {event.move.was[:19]} to {event.move.now[:19]}" for event in of_kind(events, ClockMoved)]
    moved = f"; it was moved {', and '.join(moves)} (UTC), which each part confirmed" if moves else ""
    return f"one of the lab's own that can be moved, for all that lives in it (`--clock warp`){moved}"
