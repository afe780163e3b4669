"""The one way to wait here: for a condition, until a deadline, with an error that says what was last seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from harness.words.clock import HOST_CLOCK, Clock
from harness.words.costs import WAITS
from harness.words.errors import DeadlineError

T = TypeVar("T")
_LONGEST_PAUSE = 5.0  # seconds; a probe that took longer met a server that stood still, and not a long listing


class NotYet(Exception):  # noqa: N818 - it is an answer, not an error
    """Raised by a probe that has nothing yet; its text is what was seen instead."""


def wait_until(
    what: str,
    probe: Callable[[], T],
    *,
    seconds: float,
    every: float = 0.25,
    source: str = "harness",
    clock: Clock = HOST_CLOCK,
) -> T:
    """Call `probe` every `every` seconds until it returns, and return what it returned.

    One that takes longer itself (a listing of hundreds of runs) is called half of the time: what is waited for needs
    the server, too.

    A probe that has nothing yet raises `NotYet` with what it saw. It is called once more after the deadline, so that a
    slow machine cannot make a condition fail that holds.

    Raises: DeadlineError after `seconds`, with what was awaited and what was last seen.
    """
    deadline = clock.monotonic() + seconds
    with WAITS.of(what):
        while True:
            asked = clock.monotonic()
            late = asked >= deadline
            try:
                return probe()
            except NotYet as seen:
                if late:
                    reason = f"{what}: not within {seconds:.0f} s; last seen: {seen}"
                    raise DeadlineError(reason, source=source) from None
            now = clock.monotonic()
            pause = max(every, min(now - asked, _LONGEST_PAUSE))
            clock.sleep(min(pause, max(0.0, deadline - now)))
