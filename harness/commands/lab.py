"""Build a scene and leave it standing, with Prefect's own UI, for a person to look around in."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

from rich.console import Console

from harness.doors import Door, select_doors
from harness.engines import movable_clock
from harness.engines.base import SiteSetup
from harness.engines.choose import choose_engine
from harness.engines.sweep import of_run, of_the_dead, sweep
from harness.history import History
from harness.lab.lab import Deadlines, Lab
from harness.lab.moving import FIRST_MOVE, move_clock
from harness.runs.ask import ClockName, DatabaseName, EngineName, LimitWords, ResultsFolder, ScheduleWords, StartName
from harness.runs.shapes import check_shapes
from harness.store.results import check_writable, new_run_id
from harness.subjects.kinds import check_name, resolve
from harness.trials.backlog import prove, stage
from harness.trials.scenario import Scenario, load_scenarios, select_scenarios
from harness.trials.staging import Staging
from harness.trials.steady_state import scheduler_works, steady_state
from harness.verdict.outcomes import EXIT_AS_EXPECTED
from harness.words.clock import HOST_CLOCK, Clock, MovableClock
from harness.words.errors import UsageError
from harness.words.names import FORK, REAL, SERVER, SQLITE, WARP
from harness.words.options import Option, Usual
from harness.words.scratch import scratch_folder

DESCRIPTION = "Builds one scenario up to a phase, says how to look around and how to open a door by hand."
# What is done by the word a person asks for it with.
PHASES = {"steady-state": [steady_state, scheduler_works], "staged": [stage], "at-risk": [prove]}
# The UI asks the server that it came from, by whichever name and port a browser knows that.
_UI = {"PREFECT_UI_ENABLED": "true", "PREFECT_UI_API_URL": "/api"}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options; `minutes` is how long the lab stands."""

    subject: Annotated[str, Option("a release", metavar="PREFECT")] = "latest"
    scenario: Annotated[str, Option(metavar="NAME", names=load_scenarios)] = "worker-outage"
    door: Annotated[
        str, Option("whose deployment is staged", metavar="NAME"), Usual("the one that the scenario names first")
    ] = ""
    until: Annotated[str, Option("how far", choices=tuple(PHASES))] = "at-risk"
    minutes: Annotated[int, Option("how long it stands", metavar="N")] = 60
    results: ResultsFolder = Path("results")
    engine: EngineName = None
    database: DatabaseName = SQLITE
    start: StartName = FORK
    clock: ClockName = REAL
    schedules: ScheduleWords = ()
    concurrency_limit: LimitWords = ""


@dataclass(frozen=True)
class Scene:
    """What is built: what was asked for, with the scenario and the door that it names."""

    ask: Ask
    scenario: Scenario
    door: Door


def scene_of(ask: Ask) -> Scene:
    """The scene that is asked for. Raises: UsageError."""
    (scenario,) = select_scenarios([ask.scenario])
    (door,) = select_doors([ask.door or scenario.usual_door])
    check_name(ask.subject)
    if misfit := door.misfit(scenario):
        raise UsageError(f"No such scene: {misfit}.")
    check_shapes([(scenario, door)], ask.schedules, ask.concurrency_limit, datetime.now(timezone.utc))
    return Scene(ask, scenario.with_schedules(ask.schedules, ask.concurrency_limit), door)


def run(ask: Ask, console: Console) -> int:
    """Build the scene, say how to look around in it, and take it down after its time; returns the exit code.

    Raises: UsageError before anything is started; LabError where the scene cannot be built; Interrupted, once it is
    taken down.
    """
    scene = scene_of(ask)
    check_writable(ask.results)
    engine, why = choose_engine(ask.engine)
    console.print(f"engine: {why}")
    sweep(of_the_dead)
    release = resolve(ask.subject, engine.target(), engine.resolve_image)
    if not scene.scenario.applies_to(release.version):
        raise UsageError(f"{ask.subject} has no such scene: {scene.scenario.applies_reason}.")
    clock = WARP if scene.scenario.moves_clock else ask.clock
    if clock == WARP:
        movable_clock.preload()
    engine.prepare(ask.database, console.print)
    keys = {role: engine.build(part, console.print) for role, part in {SERVER: release, **release.roles}.items()}
    versions = {SERVER: release.version, **{role: part.version for role, part in release.roles.items()}}
    name = new_run_id()
    scratch_folder(name)
    folder = ask.results.absolute() / f"lab-{name}"
    try:
        for key in keys.values():
            if clock == WARP:
                engine.check_clock(key)
            if ask.start == FORK:
                engine.warm(key, name, clock)
        setup = SiteSetup(
            subject_keys=keys, database=ask.database, run=name, lab="lab", folder=folder, start=ask.start, clock=clock
        )
        changed = {**scene.scenario.server_settings, **scene.door.server_settings, **_UI}
        lives_on: Clock = MovableClock() if clock == WARP else HOST_CLOCK
        with Lab(engine.site(setup), versions, Deadlines(), changed, lives_on) as lab:
            build(scene, lab, folder, console)
            _stand(lab, ask.minutes)
    finally:
        console.print("taking the lab down")
        engine.close()
        sweep(of_run(name))
    return EXIT_AS_EXPECTED


def build(scene: Scene, lab: Lab, folder: Path, console: Console) -> Staging:
    """Take one trial through the phases up to the one asked for, and say what there is and what can be done."""
    moved = move_clock(lab, FIRST_MOVE) if isinstance(lab.clock, MovableClock) else None
    lab.check_versions()
    if lab.site.not_forked:
        console.print(f"every process is started anew: {lab.site.not_forked}", soft_wrap=True)
    shared = Staging(scene.scenario, lab, [])
    shared.add_trial(scene.door, History(folder / "history.jsonl", lab.clock))
    if moved:
        shared.record("clock-moved", move=moved)
    for name, parts in PHASES.items():
        console.print(f"  {name}", highlight=False)
        for part in parts:
            part(shared)
        if name == scene.ask.until:
            break
    for line in _directions(scene, shared):
        console.print(line, soft_wrap=True)
    return shared


def _directions(scene: Scene, shared: Staging) -> Sequence[str]:
    lab, (trial,) = shared.lab, shared.trials
    prefect = lab.deployer.shell(shared.lab.site.scenario_folder(scene.scenario.name))
    there = []
    for name, deployment_id in shared.deployed.items():
        states = [run["state_name"] for run in lab.api.flow_runs(deployments=[deployment_id])]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        there.append(f"  {name}: {counts or 'no runs yet'} ({deployment_id})")
    pause = f"curl -X POST {lab.api.url}/deployments/{trial.treated.get('id', 'ID')}/pause_deployment"
    deploy = f"{prefect} --no-prompt deploy -n {trial.name}"
    by_hand = [] if scene.scenario.served_by else [f"  {deploy}"]
    return [
        "",
        f"the lab stands: {scene.scenario.name} on {scene.ask.subject}, up to: {scene.ask.until}",
        f"  fault {scene.scenario.fault}: {scene.scenario.cause.summary}",
        f"  UI   {lab.api.url.removesuffix('/api')}",
        f"  API  {lab.api.url}",
        *there,
        "look around:",
        f"  {prefect} flow-run ls",
        "open a door by hand, on the treated deployment alone:",
        *by_hand,
        f"  {pause}",
        *_moving(lab.site.clock_file),
        f"take it down: Ctrl-C, or it goes by itself in {scene.ask.minutes:g} minutes (after a kill: harness clean)",
    ]


def _moving(file: Path | None) -> Sequence[str]:
    """How a person moves the lab's clock; empty where it is the host's."""
    if not file:
        return ()
    return ("move its clock (here 12 hours ahead of this host's):", f"  {shlex.join(movable_clock.by_hand(file, 12))}")


def _stand(lab: Lab, minutes: float) -> None:
    """Until the time is over. Raises LabError where the server ends before."""
    until = time.monotonic() + minutes * 60
    while time.monotonic() < until:
        lab.check_server_alive()
        time.sleep(1)
