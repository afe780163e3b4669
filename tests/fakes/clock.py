"""Time for a fake world: it passes only when somebody waits, so that a trial of a minute costs no second.

A slow machine cannot make a trial on this clock go wrong, since nothing happens between two waits.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone


class Clock:
    """A clock that stands still until `sleep` moves it on. Safe to use from several threads."""

    def __init__(self) -> None:
        self._start = self._now = datetime(2030, 1, 1, tzinfo=timezone.utc)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The time in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return (self._now - self._start).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Let this many seconds pass at once."""
        with self._lock:
            self._now += timedelta(seconds=seconds)
