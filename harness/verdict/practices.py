"""What a practice does for the runs at risk: beside the same backlog and the same deploy without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.verdict.outcomes import broken_promises, unjudged
from harness.words.names import SURVIVAL
from harness.words.outcomes import NOT_APPLICABLE
from harness.words.records import TrialResult

ANSWERS = PROTECTS, REDUCES, DOES_NOTHING, HARMS, NOT_NEEDED, UNTOLD = (
    "protects", "reduces", "does nothing", "does harm", "nothing to protect", "cannot tell",
)  # fmt: skip
_TICKS = "ticks"


@dataclass(frozen=True)
class Harm:
    """What the trials of one cell show, those without a verdict left aside.

    hurt     runs at risk that are gone, altered or left behind; of a scenario that is judged by its ticks: ticks that
             have no run, or several
    at_risk  runs at risk, of all trials together
    broken   the other promises that were broken
    judged   how many trials had a verdict, of how many
    """

    hurt: int
    at_risk: int
    broken: frozenset[str]
    judged: int
    of: int

    @property
    def share(self) -> float:
        """Of the runs at risk, those that were hurt."""
        return self.hurt / self.at_risk if self.at_risk else 0.0


def harm_of(trials: Sequence[TrialResult]) -> Harm | None:
    """What the trials of one cell show; None where none of them has a verdict."""
    judged = [one for one in trials if not unjudged(one) and one.outcome != NOT_APPLICABLE]
    if not judged:
        return None
    broken = frozenset(name for one in judged for name in broken_promises(one))
    return Harm(sum(map(_hurt, judged)), sum(one.at_risk for one in judged), broken, len(judged), len(trials))


def _hurt(trial: TrialResult) -> int:
    if trial.judged_by == SURVIVAL:  # rule: practice-hurts-runs (always)
        return trial.lost + trial.altered + trial.stranded
    return trial.ticks.missing + trial.ticks.duplicate if trial.ticks else 0


def answer(without: Harm | None, practice: Harm | None) -> str:
    """One of ANSWERS. More runs hurt is harm, and so is a promise broken that was kept without the practice."""
    if without is None or practice is None:  # rule: practice-untold (without first)
        return UNTOLD
    # A tick whose run is gone has none: the same harm, told twice.
    new = practice.broken - without.broken - ({_TICKS} if practice.hurt else frozenset())
    if practice.share > without.share or new:  # rule: practice-harms (without last)
        return HARMS
    if not without.hurt:  # rule: practice-not-needed (never)
        return NOT_NEEDED
    if not practice.hurt:  # rule: practice-protects (never)
        return PROTECTS
    return REDUCES if practice.share < without.share else DOES_NOTHING  # rule: practice-reduces (never)
