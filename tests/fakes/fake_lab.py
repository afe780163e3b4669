"""Trials on a fake Prefect, from staging to results: what a planted fault is written against."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from harness.doors import load_doors
from harness.lab.lab import Deadlines
from harness.runs.one_lab import try_lab
from harness.runs.plan import plan_cell
from harness.trials.scenario import load_scenarios
from harness.words.names import PREFECT_DEPLOY, REAL
from harness.words.plan import Cell, Plan
from harness.words.records import TicksResult, TrialResult
from tests.fakes.clock import Clock
from tests.fakes.fake_prefect import LIFTED, UPDATED, Deployment, FakePrefect, Run
from tests.fakes.fake_site import FakeSite
from tests.unit.plain import Line

VERSION = "3.9.1"
COUNTS = (
    "at_risk", "kept", "progressed", "altered", "lost", "recreated", "stranded", "executed_twice", "never_ran",
)  # fmt: skip
# In seconds of the fake's clock, which only waits move on.
DEADLINES = Deadlines(steady_state=20, backlog=10, drain_idle=40, left_alone=9, drain_cap=90, api_patience=5)

Entry = TrialResult


def counts(**taken: int) -> dict[str, int]:
    """One side's counts; those not named are 0."""
    assert set(taken) <= set(COUNTS), taken
    return {name: taken.get(name, 0) for name in COUNTS}


def verdict(outcome: str, *, treated: dict[str, int], twin: dict[str, int]) -> dict[str, Any]:
    """A trial's outcome with every count of both sides, as `judged` gives it."""
    return {"outcome": outcome, "treated": treated, "twin": twin}


def judged(entry: Entry) -> dict[str, Any]:
    """What an entry of results.json says of outcome and counts."""
    treated, twin = ({name: getattr(of, name) for name in COUNTS} for of in (entry, entry.twin))
    return verdict(entry.outcome or "", treated=treated, twin=twin)


def ticks_of(entry: Entry) -> TicksResult:
    """A trial's second verdict, which every trial that was judged has."""
    assert entry.ticks is not None
    return entry.ticks


class FakeLab:
    """One lab on a fake Prefect of `VERSION`: plant faults in `prefect`, `site` or a scenario's runs, then `trial`."""

    def __init__(self, folder: Path, clock: Clock, run: str = "run") -> None:
        self.clock = clock
        self.prefect = FakePrefect(self.clock, VERSION)
        self.plan = Plan(run, folder / "run", [])
        self.lab_name = f"{VERSION}--fake"
        self.site = FakeSite(self.prefect, self.plan.lab_folder(self.lab_name))
        self.deadlines = DEADLINES
        self.held = False  # to what is right, as in a gate
        self.engine = "fake"
        self.lives_on = REAL  # the clock that is asked for
        self.schedules: Sequence[str] = ()
        self.at = ""
        self.versions: dict[str, str] = {}  # that are asked for, by role, beside the server's
        self.controls: dict[str, str] = {}  # the name of the control, by the door that it is for

    def trial(self, scenario: str, door: str = PREFECT_DEPLOY) -> Entry:
        """A trial of this scenario alone; its entry of results.json."""
        (entry,) = self.trials(scenario, doors=[door])
        return entry

    def trials(self, *scenarios: str, doors: Sequence[str] = (PREFECT_DEPLOY,)) -> list[Entry]:
        """Trials of these scenarios by these doors together; their entries of results.json."""
        self.plan.folder.mkdir(parents=True)
        cells = [self.cell(scenario, door) for scenario in scenarios for door in doors]
        return try_lab(self.plan, cells, self.site, self.deadlines, self.clock)

    def cell(self, scenario: str, door: str = PREFECT_DEPLOY) -> Cell:
        """The cell of a scenario and a door on this lab's version."""
        cell = plan_cell(
            load_scenarios()[scenario],
            load_doors()[door],
            subject=VERSION,
            version=VERSION,
            as_of="2030-01-01T00:00:00Z",
            engine=self.engine,
            engine_detail="a fake",
            held=self.held,
            clock=self.lives_on,
            schedules=self.schedules,
            at=self.at,
            versions=self.versions,
        )
        return replace(cell, control=self.controls.get(door, ""))

    def history(self, scenario: str, door: str = PREFECT_DEPLOY) -> list[Line]:
        """The history that a trial left, as plain JSON values."""
        path = self.plan.trial_folder(self.cell(scenario, door)) / "history.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def saved(self, scenario: str) -> dict[str, Any]:
        """The verdict.json that a trial left."""
        path = self.plan.trial_folder(self.cell(scenario)) / "verdict.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def backlog(self, scenario: str) -> Backlog:
        """A scenario's runs, to plant faults in."""
        return Backlog(self, scenario)


class Backlog:
    """The runs of one scenario, and the moments at which a fault may strike."""

    def __init__(self, lab: FakeLab, scenario: str) -> None:
        self.prefect, self.clock, self.scenario = lab.prefect, lab.clock, scenario
        self._state = load_scenarios()[scenario].state

    def flow(self, side: str) -> str:
        """The family of deployments of a side."""
        return f"{load_scenarios()[self.scenario].flows}-{side}"

    def on(self, event: str, action: Callable[[], None], side: str = "treated") -> None:
        """Do this when a side's deployment is updated, about to be, or created."""
        self.prefect.on(self.flow(side), event, action)

    def on_update(self, action: Callable[[], None]) -> None:
        """Do this as the server updates the treated deployment."""
        self.on(UPDATED, action)

    def on_lift(self, action: Callable[[], None]) -> None:
        """Do this when the fault is lifted, before any run can go on."""
        self.prefect.on(f"worker-{self.scenario}", LIFTED, action)

    def at_risk(self, side: str = "treated") -> list[Run]:
        """The runs of a side that are in the state at risk, oldest tick first."""
        return [run for run in self.prefect.runs_of(self.flow(side)) if run.state_name == self._state]

    def delete(self, runs: list[Run]) -> None:
        """Gone from the server, each with its states."""
        for run in runs:
            del self.prefect.runs[run.id]

    def delete_and_recreate(self, runs: list[Run]) -> None:
        """Gone, and made again for the same tick under another id."""
        self.delete(runs)
        for run in runs:
            self.prefect.add_run(run.deployment, run.expected, auto_scheduled=True)

    def move_to(self, runs: list[Run], state_type: str, state_name: str) -> None:
        """Into another state, a moment after what happened last."""
        self.clock.sleep(0.01)
        for run in runs:
            self.prefect.set_state(run, state_type, state_name)

    def pick_up(self, runs: list[Run]) -> None:
        """Running, and executed."""
        self.move_to(runs, "RUNNING", "Running")
        for run in runs:
            self.prefect.execute(run)

    def deployment(self, side: str) -> Deployment:
        """A side's deployment."""
        return next(d for d in self.prefect.deployments.values() if d.family == self.flow(side))
