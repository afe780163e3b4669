"""What a writer is: the name of the file that it writes, and how its content is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.chaos.plans import ChaosPlan
from harness.chaos.results import CampaignResult, DoorResult, PlanResult
from harness.evidence.story import Story
from harness.store.results import read_results, read_run
from harness.verdict.outcomes import Verdict
from harness.words.events import Event
from harness.words.plan import Cell
from harness.words.records import RunFacts, RunResult, TrialResult


@dataclass(frozen=True)
class Judged:
    """A trial that was judged. All of it follows from the trial's history.

    cell   the trial as it was planned
    entry  what it came to: its entry of results.json
    story  the trial as rows and spans, for a picture; None if its history has none
    """

    cell: Cell
    entry: TrialResult
    verdict: Verdict
    events: Sequence[Event]
    story: Story | None


@dataclass(frozen=True)
class Run:
    """A run whose trials are judged, or several runs that were joined: its folder, results.json and run.json."""

    folder: Path
    results: RunResult
    facts: RunFacts

    @classmethod
    def read(cls, folder: Path) -> Run:
        """The run in this folder. Raises: UsageError if it is not a results folder."""
        return cls(folder, read_results(folder), read_run(folder))


@dataclass(frozen=True)
class JudgedDoor:
    """A door of a plan of chaos, judged as a trial is: what it came to, with the verdict and the history."""

    result: DoorResult
    verdict: Verdict
    events: Sequence[Event]


@dataclass(frozen=True)
class JudgedPlan:
    """A plan of chaos that was judged, and the campaign that it is one of, as far as that has come."""

    plan: ChaosPlan
    result: PlanResult
    doors: Sequence[JudgedDoor]
    campaign: CampaignResult


@dataclass(frozen=True)
class Campaign:
    """A campaign of chaos whose plans are judged, and its folder."""

    folder: Path
    result: CampaignResult


@dataclass(frozen=True)
class TrialWriter:
    """Writes a file into the folder of a trial.

    file     the file's name
    make     its content; empty if this trial has no such file
    same     whether it is text that is made the same again from the same trial: then a recheck does, and compares it,
             and the page links it
    summary  what the file is; the first line of the docstring of the writer's module
    """

    file: str
    make: Callable[[Judged], str | bytes]
    same: bool = True
    summary: str = ""


@dataclass(frozen=True)
class RunWriter:
    """Writes a file into the folder of a run, after the files of its trials: as `TrialWriter`."""

    file: str
    make: Callable[[Run], str | bytes]
    same: bool = True
    summary: str = ""


@dataclass(frozen=True)
class PlanWriter:
    """Writes a file into the folder of a plan of chaos: as `TrialWriter`."""

    file: str
    make: Callable[[JudgedPlan], str | bytes]
    same: bool = True
    summary: str = ""


@dataclass(frozen=True)
class CampaignWriter:
    """Writes a file into the folder of a campaign, after the files of its plans: as `TrialWriter`."""

    file: str
    make: Callable[[Campaign], str | bytes]
    same: bool = True
    summary: str = ""


Writer = TrialWriter | RunWriter | PlanWriter | CampaignWriter
OF: dict[type, type] = {TrialWriter: Judged, RunWriter: Run, PlanWriter: JudgedPlan, CampaignWriter: Campaign}
