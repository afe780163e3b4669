"""The plan of a run: each of its trials on each of its releases. (plan.py says what is expected of a cell.)

It is apart from plan.py since it needs the room of subjects, whose loading takes uv; a recheck plans cells without.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from harness.doors import Door
from harness.engines.base import Engine
from harness.runs.ask import Only, RunAsk
from harness.runs.plan import plan_cell, spread_over_labs
from harness.subjects.kinds import is_release
from harness.subjects.release import Release
from harness.trials.scenario import Scenario
from harness.words.errors import LabError
from harness.words.options import again
from harness.words.plan import Plan


def plan_run(
    ask: RunAsk,
    run: str,
    releases: Mapping[str, Release | LabError],
    trials: Sequence[tuple[Scenario, Door]],
    engine: Engine,
    *,
    only: Only,
) -> Plan:
    """The plan of a run: each of these trials on each release, as often as is asked; `only` as in `run_matrix`."""
    cells = []
    detail = engine.describe()
    repetitions = range(1, ask.repeat + 1)
    for (asked, release), (scenario, door), repetition in itertools.product(releases.items(), trials, repetitions):
        if asked in only and (scenario.name, door.name) not in only[asked]:
            continue
        known = release if isinstance(release, Release) else Release(asked, "", "", "")
        alone = RunAsk(
            subjects=(known.version or asked if is_release(asked) else asked,),
            scenarios=(scenario.name,),
            doors=() if door.name == scenario.usual_door else (door.name,),
            engine=engine.name,
            database=ask.database,
            start=ask.start,
            clock=ask.clock,
            schedules=ask.schedules,
            concurrency_limit=ask.concurrency_limit,
            at=ask.at,
        )
        cells.append(
            plan_cell(
                scenario,
                door,
                subject=asked,
                version=known.version,
                versions={role: part.version for role, part in known.roles.items()},
                as_of=known.as_of,
                engine=engine.name,
                database=ask.database,
                engine_detail=detail,
                note=known.note,
                command=again("gate" if ask.is_held else "reproduce", alone),
                repetition=repetition,
                clock=ask.clock,
                schedules=ask.schedules,
                concurrency_limit=ask.concurrency_limit,
                at=ask.at,
                held=ask.is_held or not is_release(asked),  # rule: own-builds-expect-survived (without last)
            )
        )
    return Plan(run, (ask.results / run).absolute(), spread_over_labs(cells), ask.keep, ask.start)
