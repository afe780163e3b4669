"""A run on one page: ask ▶ plan ▶ subjects ▶ labs ▶ verdicts ▶ evidence."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import msgspec
from rich.console import Console

from harness.doors import Door
from harness.engines import movable_clock
from harness.engines.choose import choose_engine
from harness.engines.sweep import of_the_dead, sweep
from harness.runs.ask import Only, RunAsk
from harness.runs.building import resolve_subjects
from harness.runs.end import finish
from harness.runs.labs import run_labs
from harness.runs.ledger import Ledger
from harness.runs.plan import choose_trials
from harness.runs.plan_of_run import plan_run
from harness.runs.selection import select
from harness.runs.shapes import check_shapes
from harness.store.results import check_results, new_run_id
from harness.subjects.kinds import check_name, is_upgraded
from harness.words.errors import Interrupted, UsageError
from harness.words.names import WARP
from harness.words.plan import Plan
from harness.words.proof import NOTHING
from harness.words.scratch import scratch_folder


def check_doors(subject: str, doors: Sequence[Door]) -> None:
    """Raises UsageError where a door upgrades a subject that does not say to what, and where none upgrades one."""
    upgrades = [door.name for door in doors if door.upgrades]
    if upgrades and not is_upgraded(subject):  # rule: upgrade-says-to-what
        raise UsageError(
            f"{upgrades[0]} upgrades the server, and {subject!r} does not say to which release.\n"
            f"Name it: --subject {subject}/upgrade=latest"
        )
    others = [door.name for door in doors if not door.reach and door.proof.by != NOTHING]
    if is_upgraded(subject) and others:  # rule: upgrade-wants-its-door
        raise UsageError(
            f"{subject!r} is a server that is upgraded, which {others[0]} does not do.\n"
            "Name the door: --door server-upgrade"
        )


def run_matrix(
    ask: RunAsk,
    console: Console,
    shown: Console | None = None,
    *,
    only: Only | None = None,
    place: Path | None = None,
) -> int:
    """Carry a run out; returns the exit code. Raises: UsageError before anything is started, and Interrupted.

    `console` is told of the progress; what came of the run goes to `shown`, if that is another. `only` names the
    scenarios and doors that some subjects are tried with; the others are tried with all of them. `place` has scenario
    folders that are copied into the results, and are found there (`scenarios_from`).
    """
    started = time.monotonic()
    # ask: everything that a person can get wrong is refused before anything is started
    trials = choose_trials(ask.command, ask.scenarios, ask.doors)
    now = datetime.now(timezone.utc)
    trials, left_out = check_shapes(trials, ask.schedules, ask.concurrency_limit, now, at=ask.at)
    for name in ask.subjects:
        check_name(name)
        check_doors(name, [door for _, door in trials])
    check_results(ask.results)
    engine, why = choose_engine(ask.engine)
    ask = replace(ask, engine=engine.name)
    console.print(f"engine: {why}", soft_wrap=True)
    for line in left_out:
        console.print(line, soft_wrap=True)
    if swept := str(sweep(of_the_dead)):
        console.print(f"swept what a dead run left: {swept}", soft_wrap=True)
    # plan
    releases = resolve_subjects(ask.subjects, engine)
    run = new_run_id()
    plan = plan_run(ask, run, releases, trials, engine, only=only or {})
    if ask.expression:
        plan = select(plan, ask.expression)
    if moving := _moving(plan, ask):
        movable_clock.preload()
        for line in moving:
            console.print(line, soft_wrap=True)
    if place:
        plan = msgspec.structs.replace(plan, places=(plan.folder / "scenarios",))
    ledger = Ledger(ask, plan, engine, releases, console, shown or console, started)
    plan.folder.mkdir(parents=True)
    if place:
        shutil.copytree(place, plan.places[0])
    scratch_folder(run)  # marks the run as alive, whichever engine it uses
    try:
        ledger.open()
        # subjects, labs, and the verdict of each trial
        is_whole = run_labs(ledger) if ledger.runnable else True
        # evidence, and the verdicts of trials whose lab broke
        return finish(
            ledger,
            broken=not is_whole,  # rule: exit-125-pytest-broke (gives False)
        )
    except Interrupted as interrupted:
        finish(ledger, interrupted=128 + interrupted.number)
        raise
    except Exception:
        with suppress(OSError):  # what cannot be said must not keep the labs from being taken down
            traceback.print_exc()
        return finish(ledger, broken=True)


def _moving(plan: Plan, ask: RunAsk) -> list[str]:
    """What a person is told of the labs whose clock can be moved, a line each; empty where there are none."""
    warped = [cell for cell in plan.cells if cell.outcome is None and cell.clock == WARP]
    if ask.clock == WARP or not warped:
        return ["clock: each lab has one of its own that can be moved, as asked"] if warped else []
    names = ", ".join(dict.fromkeys(cell.scenario for cell in warped))
    return [f"clock: {names}: in a lab of its own, whose clock can be moved, since the scenario moves it"]
