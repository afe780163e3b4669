"""The plan of a run: each of its trials on each of its releases. (plan.py says what is expected of a cell.)

It is apart from plan.py since it needs the room of subjects, whose loading takes uv; a recheck plans cells without.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from harness.doors import Door, load_doors
from harness.engines.base import Engine
from harness.runs.ask import Only, RunAsk
from harness.runs.plan import plan_cell, spread_over_labs
from harness.subjects.kinds import is_of_releases, is_release
from harness.subjects.release import Release
from harness.trials.scenario import Scenario
from harness.words.errors import LabError
from harness.words.options import again
from harness.words.plan import Cell, Plan


def plan_run(
    ask: RunAsk,
    run: str,
    releases: Mapping[str, Release | LabError],
    trials: Sequence[tuple[Scenario, Door]],
    engine: Engine,
    *,
    only: Only,
) -> Plan:
    """The plan of a run: each of these trials on each release, as often as is asked; `only` as in `run_matrix`.

    A trial whose door hits the twin, too, gets another one as its control: the same scenario in another lab.
    """
    cells, controls = [], []
    detail = engine.describe()
    repetitions = range(1, ask.repeat + 1)
    for (asked, release), (scenario, door), repetition in itertools.product(releases.items(), trials, repetitions):
        if asked in only and (scenario.name, door.name) not in only[asked]:
            continue
        known = release if isinstance(release, Release) else Release(asked, "", "", "")
        on = _Ground(ask, engine.name, detail, asked, known)
        cell = _plan_one(on, scenario, door, repetition)
        if door.control and cell.outcome is None:  # rule: absolute-plans-its-control
            control = _plan_one(on, scenario, load_doors()[door.control], repetition)
            controls.append(replace(control, lab=f"{control.lab}--control"))
            cell = replace(cell, control=control.name)
        cells.append(cell)
    asked_for = {cell.name for cell in cells}
    added = {cell.name: cell for cell in controls if cell.name not in asked_for}
    every = spread_over_labs([*cells, *added.values()])
    return Plan(run, (ask.results / run).absolute(), every, ask.keep, ask.start)


@dataclass(frozen=True)
class _Ground:
    """What the cells of one subject have in common: what is asked, the engine and its detail, the release."""

    ask: RunAsk
    engine: str
    detail: str
    asked: str
    release: Release


def _plan_one(on: _Ground, scenario: Scenario, door: Door, repetition: int) -> Cell:
    """One cell of the plan."""
    ask, release = on.ask, on.release
    alone = RunAsk(
        subjects=(release.version or on.asked if is_release(on.asked) else on.asked,),
        scenarios=(scenario.name,),
        doors=() if door.name == scenario.usual_door else (door.name,),
        engine=on.engine,
        database=ask.database,
        start=ask.start,
        clock=ask.clock,
        schedules=ask.schedules,
        concurrency_limit=ask.concurrency_limit,
        at=ask.at,
    )
    return plan_cell(
        scenario,
        door,
        subject=on.asked,
        version=release.version,
        versions={role: part.version for role, part in release.roles.items()},
        as_of=release.as_of,
        engine=on.engine,
        database=ask.database,
        engine_detail=on.detail,
        note=release.note,
        command=again("gate" if ask.is_held else "reproduce", alone),
        repetition=repetition,
        clock=ask.clock,
        schedules=ask.schedules,
        concurrency_limit=ask.concurrency_limit,
        at=ask.at,
        held=ask.is_held or not is_of_releases(on.asked),  # rule: own-builds-expect-survived (without last)
    )
