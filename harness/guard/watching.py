"""A watch as it goes on: looks at a server again and again, whether it is there or not, and tells each look's news."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.guard.client import Client, NoWordError, may_pass
from harness.guard.seen import Looked, deleted, look_at
from harness.guard.watch import Event, Watch
from harness.guard.where import Where
from harness.words.clock import HOST_CLOCK, Clock


@dataclass(frozen=True)
class Pace:
    """How often a server is looked at, in seconds, and how long one look may take; `lasts`: the whole, None: no end."""

    every: float
    look: float
    lasts: float | None = None
    late_after: float = 60.0


class Watching:
    """Looks at one server until it has lasted so long. `tell` is given what each look brings, also where that is
    nothing."""

    def __init__(
        self,
        server: Where,
        watch: Watch,
        pace: Pace,
        tell: Callable[[Sequence[Event]], None],
        clock: Clock = HOST_CLOCK,
    ) -> None:
        self.watch = watch
        self._server, self._pace, self._tell, self._clock = server, pace, tell, clock
        self._began = clock.monotonic()
        self._flows: dict[str, str] = {}
        self._last_error: NoWordError | None = None

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return round(self._clock.monotonic() - self._began, 1)

    def now(self) -> datetime:
        """This host's time."""
        return self._clock.now()

    def go_on(self) -> None:
        """Look again and again.

        Raises: NoWordError where the first answer is a no that will not pass (a wrong key or URL), or the time is over
        and no look succeeded; Interrupted; what `tell` raises.
        """
        while True:
            began = self._clock.monotonic()
            self._tell(self._look())
            took = self._clock.monotonic() - began
            # A look that takes long is followed by a pause as long: a server has others to serve.
            pause = max(self._pace.every - took, took)
            left = None if self._pace.lasts is None else self._pace.lasts - (self._clock.monotonic() - self._began)
            if left is not None and left <= pause:
                self._clock.sleep(max(0.0, left))
                break
            self._clock.sleep(pause)
        if not self.watch.looks and self._last_error:  # rule: guard-watch-no-look
            raise self._last_error

    def _look(self) -> list[Event]:
        before = self.watch.looked
        try:
            with Client(self._server, seconds=self._pace.look, clock=self._clock) as client:
                looked = look_at(client, self._flows, timedelta(seconds=self._pace.late_after))
                gone = deleted(client, before, looked) if before else {}
        except NoWordError as error:
            if not self.watch.looks and not may_pass(error):  # rule: guard-watch-wrong-key
                raise
            self._last_error = error
            return self.watch.missed(error.reason.partition("\n")[0], self._stamp(), self._clock.monotonic())
        return self.watch.saw(looked, gone, self._stamp(), self._clock.monotonic())

    def _stamp(self) -> str:
        return self.now().isoformat(timespec="seconds")


def summary(looked: Looked) -> str:
    """A look in a line: what is there, and what waits."""
    late = sum(looked.late.values())
    waiting = ", ".join(
        f"{number} {kind}" for kind in sorted({kind for each in looked.waiting.values() for kind in each})
        if (number := looked.total(kind))
    )  # fmt: skip
    there = f"Prefect {looked.version}, {len(looked.deployments)} deployments"
    return f"{there}; {f'{late} late; ' if late else ''}waiting: {waiting or 'none'}"
