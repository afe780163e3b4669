"""What a writer is: the name of the file that it writes, and how its content is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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
