"""Time for a fake world: it passes only when somebody waits, so that a trial of a minute costs no second.

A slow machine cannot make a trial on this clock go wrong, since nothing happens between two waits.
"""

from __future__ import annotations

import sys
import threading
from datetime import datetime, timedelta, timezone, tzinfo
from functools import partial

import pytest

from harness.lab import lab, prefect_api
from harness.trials import looks, treated
from harness.words.waiting import wait_until


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


def keep_time_by(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every loaded module of the harness wait by `clock` and read the time from it."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Now:
            moment = clock.now().astimezone(tz)
            return cls.combine(moment.date(), moment.timetz())

    waiting = partial(wait_until, clock=clock.monotonic, pause=clock.sleep)
    for name, module in list(sys.modules.items()):
        if name.startswith("harness.") and name != "harness.words.waiting":
            if vars(module).get("wait_until") is wait_until:
                monkeypatch.setattr(module, "wait_until", waiting)
            if vars(module).get("datetime") is datetime:
                monkeypatch.setattr(module, "datetime", Now)
    for module in (lab, prefect_api, looks, treated):
        monkeypatch.setattr(module, "time", clock)
