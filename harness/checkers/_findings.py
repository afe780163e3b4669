"""What became of runs at risk, as records: one fate, the counts of a side, the findings of a trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunFate:
    """What became of one run at risk.

    fate        kept | progressed | altered | lost | unknown
    tick        its expected start time, by the server's clock
    before      state name before the door
    looks       what each look saw, by the look's name, and `end`: the state type that the last one saw
    why         what the fate rests on, in words
    completed   it ended by completing, and `relabelled`: it was called otherwise after that
    stranded    it is there after the drain, nothing held it, and no one ever picked it up
    unasked     it is kept, and was not asked to complete (_sample.py)
    recreated   the id under which a lost run's tick came back
    executions  how often it was executed since it was listed, by the marks of its flow; None where there are none
    """

    run: str
    side: str
    tick: str
    before: str
    fate: str
    looks: dict[str, str]
    end: str
    why: str
    completed: bool
    relabelled: bool
    stranded: bool
    ended_otherwise: bool
    recreated: str | None = None
    executions: int | None = None
    unasked: bool = False

    @property
    def executed_twice(self) -> bool:
        """Whether it was executed more than once since it was listed."""
        return (self.executions or 0) > 1

    @property
    def never_ran(self) -> bool:
        """Whether the server called it Completed, whatever it is called by now, and it was never executed."""
        return (
            self.completed
            # rule: executed-if-ended-completed
            or self.end == "COMPLETED"
        ) and self.executions == 0


@dataclass(frozen=True)
class Counts:
    """One side's counts. at_risk = kept + progressed + altered + lost + unknown; the first four in every verdict."""

    at_risk: int = 0
    kept: int = 0
    progressed: int = 0
    altered: int = 0
    lost: int = 0
    unknown: int = 0
    stranded: int = 0
    recreated: int = 0
    completed: int = 0
    relabelled: int = 0
    executed_twice: int = 0
    never_ran: int = 0
    unasked: int = 0

    @property
    def settled(self) -> int:
        """Those that completed, and those that were not asked to."""
        return self.completed + self.unasked

    @property
    def undisturbed(self) -> int:
        """Those that were called nothing else after they completed, and those that were not asked to complete."""
        return self.settled - self.relabelled  # rule: stranded-twin-relabelled (without last)


@dataclass(frozen=True)
class Findings:
    """Both sides' counts and every run's fate.

    flaws     contradictions that forbid a verdict
    vanished  runs that no door may delete, since they had been picked up before it was opened, and that are gone
    unclean   runs of the twin that are gone, whatever their state was: it is no control
    """

    treated: Counts
    twin: Counts
    fates: list[RunFate] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    unclean: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The findings as plain values."""
        return asdict(self)


def count(fates: Sequence[RunFate]) -> Counts:
    def number(fate: str) -> int:
        return sum(one.fate == fate for one in fates)

    return Counts(
        at_risk=len(fates),
        kept=number("kept"),  # rule: counts-add-up
        progressed=number("progressed"),
        altered=number("altered"),
        lost=number("lost"),
        unknown=number("unknown"),
        stranded=sum(fate.stranded for fate in fates),  # rule: stranded-counted
        recreated=sum(fate.recreated is not None for fate in fates),  # rule: recreated-counted
        completed=sum(fate.completed for fate in fates),
        relabelled=sum(fate.relabelled for fate in fates),
        executed_twice=sum(fate.executed_twice for fate in fates),
        never_ran=sum(fate.never_ran for fate in fates),
        unasked=sum(fate.unasked for fate in fates),
    )
