"""The deployments whose backlog is measured, and what is predicted of them: nothing here touches the world."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A deployment whose backlog is measured. Times are in seconds.

    run_times  take turns, tick by tick        limit         of the deployment; None: none
    workers    that serve its work pool        worker_limit  `--limit` of each worker; None: none
    """

    curve: str
    interval: int
    run_times: tuple[int, ...]
    limit: int | None = None
    workers: int = 1
    worker_limit: int | None = None
    prefetch: int = 0
    pool: str = "shared"

    @property
    def slots(self) -> int:
        """How many of its runs can be executed at a time."""
        return self.limit or self.workers * (self.worker_limit or 0)

    @property
    def run_time(self) -> float:
        """The mean of its run times."""
        return statistics.mean(self.run_times)


def _interval(*intervals: int, run_times: tuple[int, ...] = (12,), curve: str = "interval") -> list[Shape]:
    return [Shape(curve=curve, interval=each, run_times=run_times, limit=1) for each in intervals]


UNEVEN: dict[str, Any] = {"run_times": (4, 20), "curve": "interval, uneven"}  # the same mean
BUSY: dict[str, Any] = {"interval": 8, "run_times": (16,)}
_PREFETCH = Shape(curve="interval, prefetch 10 s", interval=16, run_times=(12,), limit=1, prefetch=10, pool="prefetch")
PASSES: dict[str, tuple[int, list[Shape]]] = {  # the seconds after which a run that found no slot asks again
    "all": (
        30,
        [
            *_interval(8, 12, 16, 24),
            *_interval(16, 20, **UNEVEN),
            *(Shape(curve="limit", limit=limit, **BUSY) for limit in (1, 2, 3, 4)),
            Shape(curve="limit 1, two workers", limit=1, workers=2, pool="two-workers", **BUSY),
            _PREFETCH,
        ],
    ),
    "five seconds": (
        5,
        [
            *_interval(8, 12),
            *_interval(16, 20, **UNEVEN),
            *(Shape(curve="worker's limit", worker_limit=each, pool=f"limit-{each}", **BUSY) for each in (1, 2, 3)),
            Shape(curve="workers of limit 1", worker_limit=1, workers=2, pool="limit-1-twice", **BUSY),
        ],
    ),
    "few": (30, [*_interval(12, 16, 24), *_interval(16, 20, **UNEVEN), _PREFETCH]),  # beside each other
}


def predicted(seconds: float, interval: float, slots: float, run_time: float, overhead: float) -> float:
    """How many runs are at risk after these seconds: what the schedule makes, less what the slots can take.

    `overhead`: how much longer than its run time a run holds its slot. Waits for a slot are not part of it.
    """
    return max(0.0, seconds / interval - seconds * slots / (run_time + overhead))


def empty_times(slots: int, runs: list[tuple[float, float | None, float | None]]) -> list[float]:
    """How long a slot stood empty after each run that ended while another was due and waited. Times in seconds.

    runs  when each was due, got its slot, and gave it back; None: not yet
    """
    taken = sorted(got for _, got, _ in runs if got is not None)
    ended = sorted(end for _, _, end in runs if end is not None)
    waits = [any(due <= end and (got is None or got > end) for due, got, _ in runs) for end in ended]
    return [max(0.0, got - end) for end, got, waited in zip(ended, taken[slots:], waits, strict=False) if waited]
