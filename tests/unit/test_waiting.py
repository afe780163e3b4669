"""The one way of waiting."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import count

import pytest

from harness.words.errors import DeadlineError
from harness.words.waiting import NotYet, wait_until


class Clock:
    """A clock that pauses move on, and that notes each pause."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return datetime(2030, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds


def test_what_the_probe_returns_is_returned_at_once() -> None:
    clock = Clock()
    assert wait_until("it", lambda: "there", seconds=10, clock=clock) == "there"
    assert clock.pauses == []


def test_the_probe_is_asked_again_after_each_pause() -> None:
    clock, asked = Clock(), count(1)

    def probe() -> int:
        if (number := next(asked)) < 4:
            raise NotYet("soon")
        return number

    assert wait_until("it", probe, seconds=10, every=0.5, clock=clock) == 4
    assert clock.pauses == [0.5, 0.5, 0.5]


def test_an_error_of_the_probe_is_no_reason_to_wait() -> None:
    clock = Clock()

    def probe() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        wait_until("it", probe, seconds=10, clock=clock)
    assert clock.pauses == []


def test_the_error_says_what_was_awaited_how_long_and_what_was_last_seen() -> None:
    clock, asked = Clock(), count(1)

    def probe() -> None:
        raise NotYet(f"answer {next(asked)}")

    with pytest.raises(DeadlineError) as raised:
        wait_until("a healthy server", probe, seconds=3, every=1, source="server", clock=clock)
    assert raised.value.reason == "a healthy server: not within 3 s; last seen: answer 4"
    assert raised.value.source == "server"


def test_it_is_asked_once_more_after_the_deadline() -> None:
    clock = Clock()

    def probe() -> str:
        if clock.seconds < 100:
            clock.seconds = 100.0  # the machine stalls, far past the deadline, while the probe looks
            raise NotYet("not there before the stall")
        return "there all along"

    assert wait_until("it", probe, seconds=3, clock=clock) == "there all along"


def test_no_pause_reaches_past_the_deadline() -> None:
    clock = Clock()

    def probe() -> None:
        raise NotYet("no")

    with pytest.raises(DeadlineError):
        wait_until("it", probe, seconds=2.5, every=1, clock=clock)
    assert clock.pauses == [1, 1, 0.5]


def test_no_time_at_all_still_asks_once() -> None:
    clock = Clock()
    assert wait_until("it", lambda: 1, seconds=0, clock=clock) == 1


def test_a_probe_that_takes_long_is_asked_half_of_the_time() -> None:
    clock, asked = Clock(), count(1)

    def probe() -> int:
        clock.seconds += 2.0
        if (number := next(asked)) < 3:
            raise NotYet("soon")
        return number

    assert wait_until("it", probe, seconds=10, every=0.5, clock=clock) == 3
    assert clock.pauses == [2.0, 2.0]
