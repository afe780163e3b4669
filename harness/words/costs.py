"""What a lab cost: seconds and processor time by phase, and what it waited for. Costs decide nothing."""

from __future__ import annotations

import json
import re
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from harness.words.files import write_whole
from harness.words.records import LabCosts, PhaseCosts

NAME = "costs.json"
_SHORTEST = 0.5  # seconds in all, below which a wait is not named
_NUMBER = re.compile(r"\d+")


class Waits:
    """What was waited for in this process since it was last taken, in seconds; waits side by side are added up."""

    def __init__(self) -> None:
        self._seconds: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Count the time inside as a wait for this; numbers in it do not tell one wait from another."""
        started = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[_NUMBER.sub("N", what)] += time.monotonic() - started  # type: ignore[assignment]

    def take(self) -> dict[str, float]:
        """The seconds by what was waited for, the longest first; they start at nothing again."""
        with self._lock:
            taken, self._seconds = self._seconds, Counter()
        return {what: round(seconds, 1) for what, seconds in taken.most_common() if seconds >= _SHORTEST}


WAITS = Waits()


class Costs:
    """The costs of one lab, written to its folder at its end.

    `cells`      how many trials share them
    `processors` the processor time of its nodes so far, in seconds; set as soon as there are nodes
    """

    def __init__(self, folder: Path, cells: int) -> None:
        self._file, self._cells = folder / NAME, cells
        self._phases: dict[str, PhaseCosts] = {}
        self._phase, self._since, self._used = "", 0.0, 0.0
        self.processors: Callable[[], float] = lambda: 0.0
        WAITS.take()

    def enter(self, phase: str | None) -> None:
        """The lab leaves its phase and enters this one; None is the end."""
        now, used = time.monotonic(), self._used
        with suppress(Exception):  # an engine that does not say it breaks no trial
            used = max(used, self.processors())
        if self._phase:
            spent = PhaseCosts(seconds=round(now - self._since, 1), cpu_seconds=round(used - self._used, 2))
            self._phases[self._phase] = spent
        self._phase, self._since, self._used = phase or "", now, used
        if phase is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            found = LabCosts(cells=self._cells, phases=self._phases, waits=WAITS.take())
            write_whole(self._file, json.dumps(msgspec.to_builtins(found)))


def children_seconds() -> float:
    """Processor time of the children of this process that ended, theirs included, as far as each was waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_costs(run_folder: Path) -> dict[str, LabCosts]:
    """The costs of each lab of a run that came to its end, by the lab's name."""
    files = sorted(run_folder.glob(f"labs/*/{NAME}"))
    return {file.parent.name: msgspec.json.decode(file.read_bytes(), type=LabCosts) for file in files}
