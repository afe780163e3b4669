"""How a run stands: what is asked and planned, and what each cell has come to so far."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from rich.console import Console

from harness.engines.base import Engine
from harness.runs.ask import RunAsk
from harness.store.bundle import places
from harness.store.results import harness_commit, host_facts, point_latest, write_results, write_run
from harness.store.trial_folder import read_entry, result
from harness.subjects.release import Release
from harness.words.costs import children_seconds, read_costs
from harness.words.errors import LabError
from harness.words.plan import Cell, Plan
from harness.words.records import EngineFacts, RunFacts, SubjectFacts, TrialResult


@dataclass
class Ledger:
    """How one run stands. It alone writes the run's results.json and run.json.

    ask, plan, engine, releases  what is asked, and what was made of it; a release that cannot be had is a LabError
    console, shown               who is told of the progress, and who of what came of it
    entries                      each cell's entry of results.json, by the cell's name
    """

    ask: RunAsk
    plan: Plan
    engine: Engine
    releases: dict[str, Release | LabError]
    console: Console
    shown: Console
    started: float = field(default_factory=time.monotonic)
    entries: dict[str, TrialResult] = field(init=False)

    def __post_init__(self) -> None:
        self.entries = {cell.name: result(self.plan, cell, [], None) for cell in self.plan.cells}

    @property
    def runnable(self) -> list[Cell]:
        """The cells that a lab has to carry out: those that are not `not-applicable`."""
        return [cell for cell in self.plan.cells if cell.outcome is None]

    def open(self) -> None:
        """Write the files of a run that has not begun, every outcome null, and point `latest` to it."""
        self.write(exit_code=None)
        self.write_facts()
        point_latest(self.ask.results, self.plan.folder)

    def say(self, text: str) -> None:
        """Tell of the progress, with the seconds since the start."""
        self.console.print(f"{time.monotonic() - self.started:5.0f} s  {text}", soft_wrap=True)

    def take_up_verdicts(self) -> None:
        """Take up what the labs have judged since the last time."""
        news = False
        for cell in self.plan.cells:
            if self.entries[cell.name].outcome is None and (entry := read_entry(self.plan.trial_folder(cell))):
                self.entries[cell.name] = entry
                news = True
        if news:
            self.write(exit_code=None)

    def write(self, *, exit_code: int | None) -> None:
        """Write results.json; the exit code is null until the end."""
        seconds = time.monotonic() - self.started
        write_results(self.plan.folder, list(self.entries.values()), exit_code=exit_code, seconds=seconds)

    def write_facts(self) -> None:
        """Write run.json: how the run was asked for, on which host and engine, and what it has cost so far."""
        write_run(
            self.plan.folder,
            RunFacts(
                run=self.plan.run,
                argv=sys.argv[1:],
                command=self.ask.again(),
                places=places(self.ask.results),
                harness=harness_commit(),
                host=host_facts(),
                engine=EngineFacts(name=self.engine.name, detail=self.plan.cells[0].engine_detail),
                start=self.plan.start,
                subjects={
                    asked: SubjectFacts(error=release.reason) if isinstance(release, LabError) else _resolved(release)
                    for asked, release in self.releases.items()
                },
                cpu_seconds=round(time.process_time() + children_seconds(), 1),
                labs=read_costs(self.plan.folder),
                planned=[cell.name for cell in self.plan.cells],
            ),
        )


def _resolved(release: Release) -> SubjectFacts:
    roles = {role: _resolved(part) for role, part in release.roles.items()}
    return SubjectFacts(version=release.version, as_of=release.as_of, note=release.note, roles=roles or None)
