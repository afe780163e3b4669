"""Takes the trials of one lab through the phases together: their waits overlap, and each fails alone."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness import ownership
from harness import trial as phases
from harness.cache import write_whole
from harness.doors import DOORS
from harness.engines.base import Site
from harness.errors import LabError, SteadyStateError
from harness.evidence.trial_folder import conclude, open_history
from harness.history import History, now
from harness.lab import Deadlines, Lab
from harness.plan import Cell, Plan
from harness.scenario import load_scenarios
from harness.trial import Trial

PHASES: Sequence[tuple[str, Callable[[Trial], None]]] = (
    ("steady state", phases.steady_state),
    ("stage", phases.stage),
    ("prove", phases.prove),
    ("trigger", phases.trigger),
    ("observe", phases.observe),
    ("drain", phases.drain),
)


class Progress:
    """Says which phase a lab is in: a line in progress.jsonl, and how long each took in the lab's phases.json."""

    def __init__(self, plan: Plan, lab: str) -> None:
        self._file = plan.folder / "progress.jsonl"
        self._seconds_file = plan.lab_folder(lab) / "phases.json"
        self._lab = lab
        self._seconds: dict[str, float] = {}
        self._phase: tuple[str, float] | None = None

    def enter(self, phase: str | None) -> None:
        """The lab leaves its phase and enters this one; None is the end."""
        if self._phase:
            name, since = self._phase
            self._seconds[name] = round(time.monotonic() - since, 1)
            self._seconds_file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._seconds_file, json.dumps(self._seconds))
        self._phase = (phase, time.monotonic()) if phase else None
        if phase and ownership.is_dead(os.environ.get(ownership.ENV_OWNER)):
            raise LabError("the command that this lab belongs to is gone")
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": now(), "lab": self._lab, "phase": phase or "done"}) + "\n")


def run_lab(plan: Plan, cells: Sequence[Cell], site: Site, deadlines: Deadlines | None = None) -> list[dict[str, Any]]:
    """Carry out the cells of one lab; returns their results as results.json has them. Only interrupts are raised."""
    lab_name = cells[0].lab
    progress = Progress(plan, lab_name)
    scenarios = load_scenarios()
    histories = {cell.name: open_history(plan, cell, scenarios[cell.scenario]) for cell in cells}
    try:
        progress.enter("start")
        with Lab(site, cells[0].version, deadlines or Deadlines()) as lab:
            progress.enter("versions")
            said = lab.check_versions()
            trials = [Trial(scenarios[cell.scenario], DOORS[cell.door], lab, histories[cell.name]) for cell in cells]
            for trial in trials:
                for role, version in said.items():
                    trial.history.add("version", role=role, said=version)
            _take_through_phases(trials, progress)
            progress.enter("judge")
            results = [conclude(plan, cell) for cell in cells]
            if plan.keep == "always" or (plan.keep == "failed" and not all(r["as_expected"] for r in results)):
                _save_database(site, plan, lab_name, trials)
            progress.enter("tear down")
    except Exception as error:
        for history in histories.values():
            _record_error(history, "lab", as_lab_error(error))
    finally:
        copy_logs(plan, cells)
    results = [conclude(plan, cell) for cell in cells]
    progress.enter(None)
    return results


def _save_database(site: Site, plan: Plan, lab: str, trials: Sequence[Trial]) -> None:
    """Save it if it can be saved: a copy that fails takes no verdict back."""
    try:
        site.save_database(plan.lab_folder(lab))
    except Exception as error:
        for trial in trials:
            trial.history.add("note", text=f"the database was not saved: {error}")


def _take_through_phases(trials: Sequence[Trial], progress: Progress) -> None:
    """All trials through each phase, side by side; one that fails drops out, and the others go on."""
    going = list(trials)
    with ThreadPoolExecutor(max_workers=max(1, len(going))) as pool:
        for name, phase in PHASES:
            if not going:
                return
            progress.enter(name)
            went_well = list(pool.map(lambda trial, name=name, phase=phase: _through(trial, name, phase), going))
            going = [trial for trial, well in zip(going, went_well, strict=True) if well]


def _through(trial: Trial, name: str, phase: Callable[[Trial], None]) -> bool:
    try:
        trial.history.add("phase", phase=name)
        phase(trial)
    except Exception as error:
        broken = as_lab_error(error)
        broken.log = broken.log or trial.lab.log_of(broken.source)
        _record_error(trial.history, name, broken)
        return False
    return True


def _record_error(history: History, phase: str, error: LabError) -> None:
    history.add(
        "error",
        phase=phase,
        reason=error.reason,
        source=error.source,
        log=error.log,
        inconclusive=isinstance(error, SteadyStateError),
    )


def as_lab_error(error: Exception) -> LabError:
    """The error as it is recorded: a LabError as it is, anything else with its traceback as the log."""
    if isinstance(error, LabError):
        return error
    trace = "".join(traceback.format_exception(error))
    return LabError(f"the harness itself failed: {type(error).__name__}: {error}", source="harness", log=trace[-4000:])


def copy_logs(plan: Plan, cells: Sequence[Cell]) -> None:
    """Put the lab's logs that concern a trial into its folder, whichever way the lab ended."""
    for cell in cells:
        logs = plan.trial_folder(cell) / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for name in ("server", "deployer", f"worker-{cell.scenario}"):
            source: Path = plan.lab_folder(cell.lab) / f"{name}.log"
            if source.exists():
                (logs / source.name).write_bytes(source.read_bytes())
