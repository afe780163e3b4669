"""How often a repeated trial came to each outcome, and what that shows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

from harness.verdict.outcomes import said
from harness.words.records import TrialResult

_Z = NormalDist().inv_cdf(0.975)
_RARE = 0.05


@dataclass(frozen=True)
class Rate:
    """So many `times` of `of`."""

    times: int
    of: int

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate (Wilson's, which is sound where all or none came to it)."""
        rate, n = self.times / self.of, self.of
        middle = (rate + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        reach = _Z * math.sqrt(rate * (1 - rate) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
        return min(rate, max(0.0, middle - reach)), max(rate, min(1.0, middle + reach))  # rounding aside

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.times} of {self.of} (95 %: {low:.0%} to {high:.0%})"


@dataclass(frozen=True)
class Frequency:
    """One outcome of one cell: `times` of `of` repetitions, unjudged ones among them.

    ground  engine and database, where the run was on more than one
    """

    scenario: str
    door: str
    subject: str
    outcome: str
    times: int
    of: int
    ground: str = ""

    def interval(self) -> tuple[float, float]:
        """The 95 % interval of its rate."""
        return Rate(self.times, self.of).interval()

    def __str__(self) -> str:
        where = ", ".join(filter(None, (self.scenario, self.door, self.subject, self.ground)))
        return f"{where}: {self.outcome} {Rate(self.times, self.of)}"


def frequencies(trials: Sequence[TrialResult]) -> list[Frequency]:
    """Every outcome of every cell, the cells in order and each one's most frequent outcome first."""
    cells: dict[tuple[str, str, str, str], Counter[str]] = {}
    for trial, on in zip(trials, grounds(trials), strict=True):
        counted = cells.setdefault((trial.scenario, trial.door, trial.subject, on), Counter())
        counted[said(trial)] += 1
    return [  # rule: frequency-counts-all
        Frequency(scenario, door, subject, outcome, times, counted.total(), on)
        for (scenario, door, subject, on), counted in cells.items()
        for outcome, times in counted.most_common()
    ]


class Placed(Protocol):
    """What ran, or is to run, somewhere."""

    @property
    def engine(self) -> str | None: ...

    @property
    def database(self) -> str | None: ...


def ground(trial: Placed) -> str:
    """What a trial ran on, in words."""
    return f"{trial.engine}, {trial.database}"


def shape(trial: TrialResult) -> str:
    """By what it was staged in place of its scenario's own, and when its door was opened; empty where by none."""
    limit = [f"limit {trial.concurrency_limit}"] if trial.concurrency_limit else []
    return ", ".join(filter(None, [*trial.schedules, *limit, trial.at]))


def grounds(trials: Sequence[TrialResult]) -> list[str]:
    """What each trial ran on, and by which schedules; empty for all of them where that is the same.

    The clock is named where trials of one scenario were on different ones. One that moves its clock has no other.
    """
    clocks: dict[str, set[str]] = {}
    for trial in trials:
        clocks.setdefault(trial.scenario, set()).add(trial.clock)
    named = []
    for trial in trials:
        differs = len(clocks[trial.scenario]) > 1
        # rule: repetition-same-clock (never)
        on = ground(trial) + (f", clock {trial.clock}" if differs else "")
        named.append(", ".join(filter(None, (on, shape(trial)))))
    return named if len(set(named)) > 1 else [""] * len(named)  # rule: repetition-same-database (never)


def needed(rate: float) -> int:
    """How many repetitions, all alike, put the rate of any other outcome below `rate` (at 95 %)."""
    return math.ceil(math.log(0.05) / math.log(1 - rate))


def claim(trials: Sequence[TrialResult]) -> list[str]:
    """What the repetitions show, a line a cell and outcome, and what it would take to say more; empty without any."""
    found = frequencies(trials)
    if not any(one.of > 1 for one in found):
        return []
    fewest = min(one.of for one in found)
    still = 1 - 0.05 ** (1 / fewest)
    return [
        *(str(one) for one in found),
        f"Of {fewest} repetitions all alike, another outcome may still come in up to {still:.0%} (95 %); "
        f"{needed(_RARE)} all alike would put that under {_RARE:.0%}, {needed(0.01)} under 1 %.",
    ]
