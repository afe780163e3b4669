"""Takes the stagings of one lab through the phases side by side: their waits overlap, and each fails alone."""

from __future__ import annotations

import json
import os
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.doors import load_doors
from harness.engines.base import Site
from harness.history import History, now
from harness.lab.lab import Deadlines, Lab
from harness.lab.moving import FIRST_MOVE, move_clock
from harness.trials.backlog import prove, stage
from harness.trials.drain import drain
from harness.trials.looks import look_again, observe
from harness.trials.opening import open_history
from harness.trials.scenario import load_scenarios
from harness.trials.staging import PROBE, Staging
from harness.trials.steady_state import steady_state
from harness.trials.trial import TWIN, Trial
from harness.trials.trigger import trigger
from harness.words import ownership
from harness.words.clock import HOST_CLOCK, Clock, MovableClock
from harness.words.costs import Costs
from harness.words.errors import LabError, SteadyStateError
from harness.words.files import write_whole
from harness.words.names import SERVER, WARP
from harness.words.plan import Cell, Plan

Phase = Callable[[Staging], None]


def each(name: str, phase: Callable[[Trial], None]) -> Phase:
    """A phase of single trials, one after the other, for a staging: a trial that fails drops out, alone."""

    def of_each(shared: Staging) -> None:
        for one in list(shared.trials):
            try:
                phase(one)
            except Exception as error:
                _record_error(one.history, name, _with_log(error, one.lab))
                shared.trials.remove(one)  # rule: trial-fails-alone (reraise)

    return of_each


PHASES: Sequence[tuple[str, Sequence[Phase]]] = (
    ("steady state", [steady_state]),
    ("stage", [stage]),
    ("prove", [prove]),
    ("trigger", [each("trigger", trigger)]),
    ("observe", [each("observe", observe)]),
    ("drain", [drain, each("drain", look_again)]),
)


class Progress:
    """Says which phase a lab is in, by a line in progress.jsonl, and keeps what each phase cost."""

    def __init__(self, plan: Plan, lab: str, costs: Costs) -> None:
        self._file = plan.folder / "progress.jsonl"
        self._lab, self.costs = lab, costs

    def enter(self, phase: str | None) -> None:
        """The lab leaves its phase and enters this one; None is the end."""
        self.costs.enter(phase)
        if phase:
            check_owner()
        self._tell(phase=phase or "done")

    def say(self, text: str) -> None:
        """One line to the person, about this lab."""
        self._tell(note=text)

    def _tell(self, **facts: str) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": now(), "lab": self._lab, **facts}) + "\n")


def check_owner() -> None:
    """Raises LabError where the command that this lab belongs to is gone: nobody would take the lab down."""
    if ownership.is_dead(os.environ.get(ownership.ENV_OWNER)):
        raise LabError("the command that this lab belongs to is gone")


def run_lab(
    plan: Plan,
    cells: Sequence[Cell],
    site: Site,
    progress: Progress,
    *,
    keep: Callable[[], bool],
    deadlines: Deadlines | None = None,
    clock: Clock = HOST_CLOCK,
) -> None:
    """Carry out the cells of one lab: what came of each is in its history. Only interrupts are raised.

    keep  whether the lab's database is to be saved; asked once all histories are whole, while it still stands
    """
    progress.costs.processors = site.cpu_seconds
    clock = MovableClock(clock) if cells[0].clock == WARP else clock
    # The trials of a lab are of one run, and so staged alike.
    asked_for = cells[0].schedules, cells[0].concurrency_limit
    scenarios = {name: one.with_schedules(*asked_for) for name, one in load_scenarios().items()}
    histories = {cell.name: open_history(plan, cell, scenarios[cell.scenario], clock) for cell in cells}
    word = _Word(plan, cells[0])
    try:
        progress.enter("start")
        word.check()
        # A scenario that has any is alone in its lab, and so is a door's trial.
        # rule: door-settings-reach-server (without last)
        changed = {**scenarios[cells[0].scenario].server_settings, **load_doors()[cells[0].door].server_settings}
        asked = {SERVER: cells[0].version, **cells[0].versions}
        with Lab(site, asked, deadlines or Deadlines(), changed, clock) as lab:
            if site.not_forked:
                progress.say(f"every process is started anew: {site.not_forked}")
            progress.enter("versions")
            said = lab.check_versions()
            moved = move_clock(lab, FIRST_MOVE) if cells[0].clock == WARP else None
            stagings = []
            for name in dict.fromkeys(cell.scenario for cell in cells):
                shared = Staging(scenarios[name], lab, [])
                mine = [cell for cell in cells if cell.scenario == name]
                for cell in mine:
                    door = load_doors()[cell.door]
                    shared.add_trial(door, histories[cell.name], at=cell.at)  # rule: company-changes-nothing
                stagings.append(shared)
                for role, version in said.items():
                    shared.record("version", role=role, said=version)
                if moved:
                    shared.record("clock-moved", move=moved)
                if site.not_forked:
                    shared.record("not-forked", reason=site.not_forked)
            for shared in stagings:
                shared.together = stagings
            lab.share = max(1.0, len(stagings) / (os.cpu_count() or 1))
            _take_through_phases(stagings, progress)
            if lab.scheduler.failure and not changed:
                word.give(lab.scheduler.failure)
            progress.enter("judge")
            if keep():
                _save_database(site, plan, cells[0].lab, histories.values())
            progress.enter("tear down")
    except Exception as error:
        for history in histories.values():
            _record_error(history, "lab", as_lab_error(error))
    finally:
        copy_logs(plan, cells)


class _Word:
    """That a server schedules nothing, for the labs of a run that come later on the same ground: it costs each 20 s.

    Given by a lab whose server has no settings of a scenario's own; a repetition is asked for to see for itself.
    """

    def __init__(self, plan: Plan, cell: Cell) -> None:
        self._ground = [cell.subject, cell.engine, cell.database, cell.clock, cell.repetition]
        self._folder, self._lab = plan.lab_folder(cell.lab), cell.lab

    def give(self, error: LabError) -> None:
        """Leave it in the lab's folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        word = {"ground": self._ground, "lab": self._lab, "reason": error.reason, "log": error.log}
        write_whole(self._folder / "schedules-nothing.json", json.dumps(word))

    def check(self) -> None:
        """Raises: SteadyStateError where a lab on this ground gave it."""
        for file in sorted(self._folder.parent.glob("*/schedules-nothing.json")):
            word = json.loads(file.read_text(encoding="utf-8"))
            if word["ground"] == self._ground:  # rule: schedules-nothing-own-ground (always)
                reason = f"{word['reason']} (seen in the lab {word['lab']})"
                raise SteadyStateError(reason, source=SERVER, log=word["log"])


def _save_database(site: Site, plan: Plan, lab: str, histories: Iterable[History]) -> None:
    """Save it if it can be saved: a copy that fails takes no verdict back."""
    try:
        site.save_database(plan.lab_folder(lab))
    except Exception as error:
        for history in histories:
            history.add("note", text=f"the database was not saved: {error}")


def _take_through_phases(stagings: Sequence[Staging], progress: Progress) -> None:
    """Each staging through the phases at its own pace; one that fails drops out, and the others go on.

    The lab is said to be in the phase of the staging that is furthest behind.
    """
    reached = {shared.scenario.name: -1 for shared in stagings}
    said = -1
    lock = threading.Lock()

    def reaches(shared: Staging, number: int) -> None:
        nonlocal said
        with lock:
            reached[shared.scenario.name] = number
            behind = min(reached.values())
            if said < behind < len(PHASES):
                said = behind
                progress.enter(PHASES[behind][0])

    def take(shared: Staging) -> None:
        with shared.turn:  # given back, however the staging ends
            for number, (name, steps) in enumerate(PHASES):
                check_owner()
                reaches(shared, number)
                through(shared, name, steps)
                if not shared.trials:
                    break
        reaches(shared, len(PHASES))

    with ThreadPoolExecutor(max_workers=max(1, len(stagings))) as pool:
        list(pool.map(take, stagings))


def through(shared: Staging, name: str, steps: Sequence[Phase]) -> None:
    """One phase of a staging; what goes wrong ends it for all of its trials."""
    shared.record("phase", phase=name)
    try:
        for step in steps:
            step(shared)
    except Exception as error:
        broken = _with_log(error, shared.lab)
        for one in shared.trials:
            _record_error(one.history, name, broken)
        shared.trials.clear()  # rule: staging-fails-alone (reraise)


def _with_log(error: Exception, lab: Lab) -> LabError:
    broken = as_lab_error(error)
    broken.log = broken.log or lab.log_of(broken.source)  # rule: error-quotes-its-log (skip)
    return broken


def _record_error(history: History, phase: str, error: LabError) -> None:
    history.add(
        "error",
        phase=phase,
        reason=error.reason,
        source=error.source,
        log=error.log,
        inconclusive=isinstance(error, SteadyStateError),  # rule: steady-state-never-came (gives False)
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
        own = [f"worker-{cell.scenario}--{side}" for side in (cell.door, TWIN, PROBE)]
        for name in ("server", "deployer", f"worker-{cell.scenario}", *own):
            source: Path = plan.lab_folder(cell.lab) / f"{name}.log"
            if source.exists():
                (logs / source.name).write_bytes(source.read_bytes())
