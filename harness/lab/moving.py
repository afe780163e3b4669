"""The clock of a lab is moved: for all of its parts at once, and each is asked what it shows then."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from harness.engines.base import Node
from harness.lab.lab import Lab
from harness.words.clock import MovableClock
from harness.words.errors import LabError
from harness.words.names import SERVER
from harness.words.waiting import NotYet

_CONFIRMED = 20.0  # seconds for each part, at least: uvicorn makes the Date of its answers once a second
# How far a reading may be behind the lab's clock, and ahead of it.
_BEHIND, _AHEAD = timedelta(seconds=3), timedelta(seconds=1)
FIRST_MOVE = timedelta(hours=1)  # of each lab whose clock can be moved, before anything is staged: all of it follows


def clock_of(lab: Lab) -> MovableClock:
    """The lab's clock. Raises: LabError if it cannot be moved."""
    if not isinstance(lab.clock, MovableClock):
        raise LabError("the clock of this lab is this host's; a scenario that moves it says so (clock=WARP)")
    return lab.clock


def move_clock(lab: Lab, by: timedelta) -> dict[str, Any]:
    """Move the lab's clock ahead, in whole seconds; returns the move as a history keeps it (facts.py, ClockMove).

    Raises: LabError for a move back or to where it is; DeadlineError for a part that does not follow, with what it
    showed last.
    """
    clock, seconds = clock_of(lab), math.ceil(by.total_seconds())
    if seconds < 1:
        raise LabError(f"the clock of a lab is only moved ahead, and not by {seconds} s")
    before = _of_server(lab)
    was, asked = clock.now(), clock.monotonic()
    ahead = clock.ahead + timedelta(seconds=seconds)
    lab.site.move_clock(round(ahead.total_seconds()))
    clock.ahead = ahead
    after = read_clocks(lab)
    return {
        "was": was.isoformat(),
        "now": (was + timedelta(seconds=seconds)).isoformat(),
        "seconds": seconds,
        "asked": round(asked, 3),
        "before": before,
        "after": after,
    }


def read_clocks(lab: Lab) -> list[dict[str, Any]]:
    """What each living part's clock shows, once that is the lab's time; a dead one finds it when it starts again.

    Raises: DeadlineError for a part that shows another time, with what it showed last.
    """
    # The deployer is asked whether it runs anything or not: commands run beside it.
    living = [node for node in lab.nodes if node is lab.deployer or (node is not lab.server and node.running())]
    asks: list[Callable[[], dict[str, Any] | None]] = [partial(_of_server, lab), partial(_of_database, lab)]
    asks += [partial(_of_node, lab, node) for node in living]
    return [reading for reading in (_confirmed(lab, ask) for ask in asks) if reading]


def _confirmed(lab: Lab, ask: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    """What a part's clock shows, once it shows the lab's time; None for a part that there is not."""

    def follows() -> dict[str, Any] | None:
        earliest = lab.clock.now() - _BEHIND
        reading = ask()
        if reading and not earliest <= datetime.fromisoformat(reading["shows"]) <= lab.clock.now() + _AHEAD:
            raise NotYet(f"{reading['part']} shows {reading['shows']}; the lab's time is {lab.clock.now().isoformat()}")
        return reading

    return lab.wait_until("the clock of each part", follows, seconds=lab.patience(_CONFIRMED, 4), source=SERVER)


def _of_server(lab: Lab) -> dict[str, Any]:
    said = lab.api.clock()
    return {"part": SERVER, "shows": said["server"], "asked": said["asked"], "answered": said["answered"]}


def _of_database(lab: Lab) -> dict[str, Any] | None:
    return _read(lab, "database", lambda: lab.site.database_clock(seconds=lab.deadlines.command))


def _of_node(lab: Lab, node: Node) -> dict[str, Any] | None:
    return _read(lab, node.name, lambda: node.clock(seconds=lab.deadlines.command))


def _read(lab: Lab, part: str, read: Callable[[], float | None]) -> dict[str, Any] | None:
    asked = lab.clock.monotonic()
    shown = read()
    answered = lab.clock.monotonic()
    if shown is None:
        return None
    shows = datetime.fromtimestamp(shown, timezone.utc).isoformat()
    return {"part": part, "shows": shows, "asked": round(asked, 3), "answered": round(answered, 3)}
