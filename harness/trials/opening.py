"""How a trial's history begins."""

from __future__ import annotations

import msgspec

from harness.doors import load_doors
from harness.history import History
from harness.trials.scenario import Scenario
from harness.words.clock import HOST_CLOCK, Clock
from harness.words.errors import LabError
from harness.words.events import HISTORY_SCHEMA
from harness.words.plan import Cell, Plan
from harness.words.schedules import PINNED


def open_history(plan: Plan, cell: Cell, scenario: Scenario, clock: Clock = HOST_CLOCK) -> History:
    """A new history whose first event says what is to be tried. Raises LabError where the trial has one already."""
    history = History(plan.trial_folder(cell) / "history.jsonl", clock)
    if history.path.exists():
        raise LabError("this trial was run before in this run")
    history.add(
        "trial",
        schema=HISTORY_SCHEMA,
        run=plan.run,
        scenario=cell.scenario,
        door=cell.door,
        engine=cell.engine,
        database=cell.database,
        start=plan.start,
        clock=cell.clock,
        state=scenario.state,
        minimum=scenario.minimum,
        stand_in=scenario.stand_in,
        sample=scenario.sample_through(load_doors()[cell.door]),
        ticks=scenario.ticks,
        interval=scenario.interval,
        judged_by=scenario.judged_by,
        reach=cell.reach,
        control=cell.control,
        fault=scenario.fault,
        texts={
            "stage": " ".join(filter(None, (scenario.cause.summary, scenario.stage_text, _stand_in(scenario)))),
            "lift": scenario.cause.lifted,
            "door": load_doors()[cell.door].summary,
            "schedules": _schedules(scenario),
        },
        cell=msgspec.to_builtins(cell),
    )
    return history


def _stand_in(scenario: Scenario) -> str:
    """That no flow is run, where that is so: the report must not leave a reader to think otherwise."""
    if not scenario.stand_in:
        return ""
    return (
        "A real worker starts a stand-in for each run (scenarios/_common/stand_in.py): it sets Running and Completed, "
        "and runs neither Prefect's engine nor the flow."
    )


def _schedules(scenario: Scenario) -> str:
    """What treated and twin are staged with, as a sentence of the report."""
    shapes = scenario.shapes
    own = f"{scenario.ticks} ticks, {scenario.interval} s apart"
    words = [own if shape.kind == PINNED else f"the schedule `{shape.words}`" for shape in shapes.shapes]
    words = words or ["`schedules: []`" if shapes.is_written else "no schedule"]
    words += [f"the concurrency limit `{scenario.concurrency_limit}`"] if scenario.concurrency_limit else []
    return f"Each of two deployments has {', and '.join(words)}."
