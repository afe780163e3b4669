"""The clock that a lab reads and waits by. It is passed in, so that a test can pass another one."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Protocol


class Clock(Protocol):
    """A clock that shows the time, measures seconds, and waits."""

    def now(self) -> datetime:
        """The time, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; they never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let this many seconds pass."""
        ...


class HostClock:
    """This host's clock."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Seconds since some moment; they never go back, whatever is done to the host's time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let this many seconds pass."""
        time.sleep(seconds)


HOST_CLOCK: Clock = HostClock()


class MovableClock:
    """The clock of a lab that can be moved: another clock's time, and how far ahead of it this one is.

    Seconds pass, and waits last, as on the other one: what counts seconds does not see a move.
    """

    def __init__(self, base: Clock = HOST_CLOCK) -> None:
        self._base = base
        self.ahead = timedelta()

    def now(self) -> datetime:
        """The time, in UTC."""
        return self._base.now() + self.ahead

    def monotonic(self) -> float:
        """Seconds since some moment; they never go back, and no move adds to them."""
        return self._base.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let this many seconds pass."""
        self._base.sleep(seconds)
