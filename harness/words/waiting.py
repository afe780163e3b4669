"""Waiting, the one way it is done here: a condition, a deadline, and a word on what was last seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from harness.words.costs import WAITS
from harness.words.errors import DeadlineError

T = TypeVar("T")


class NotYet(Exception):  # noqa: N818 - it is an answer, not an error
    """Raised by a probe that has nothing yet; its text is what was seen instead."""


def wait_until(
    what: str,
    probe: Callable[[], T],
    *,
    seconds: float,
    every: float = 0.25,
    source: str = "harness",
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> T:
    """Call `probe` every `every` seconds until it returns, and return what it returned.

    A probe says "not yet, I saw …" by raising `NotYet`. It is asked once more after the deadline, so
    that a slow machine cannot make a condition fail that holds.

    Raises: DeadlineError after `seconds`, with what was awaited and what was last seen.
    """
    deadline = clock() + seconds
    with WAITS.of(what):
        while True:
            late = clock() >= deadline
            try:
                return probe()
            except NotYet as seen:
                if late:
                    reason = f"{what}: not within {seconds:.0f} s; last seen: {seen}"
                    raise DeadlineError(reason, source=source) from None
            pause(min(every, max(0.0, deadline - clock())))
