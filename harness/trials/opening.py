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


def open_history(plan: Plan, cell: Cell, scenario: Scenario, clock: Clock = HOST_CLOCK) -> History:
    """A new history whose first event says what is to be tried. Raises LabError where the trial has one already."""
    history = History(plan.trial_folder(cell) / "history.jsonl", clock)
    if history.path.exists():
        raise LabError("this trial was run before in this run")
    history.add(
        "trial",
        schema=HISTORY_SCHEMA,
        scenario=cell.scenario,
        door=cell.door,
        engine=cell.engine,
        database=cell.database,
        start=plan.start,
        clock=cell.clock,
        state=scenario.state,
        minimum=scenario.minimum,
        ticks=scenario.ticks,
        interval=scenario.interval,
        judged_by=scenario.judged_by,
        fault=scenario.fault,
        texts={
            "stage": f"{scenario.cause.summary} {scenario.stage_text}".strip(),
            "lift": scenario.cause.lifted,
            "door": load_doors()[cell.door].summary,
        },
        cell=msgspec.to_builtins(cell),
    )
    return history
