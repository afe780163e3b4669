"""The trials of one lab: carried out together, then each is judged once."""

from __future__ import annotations

from collections.abc import Sequence

from harness.engines.base import Site
from harness.lab.lab import Deadlines
from harness.runs.conclude import conclude, lacks_a_good_end
from harness.trials.phases import Progress, run_lab
from harness.words.clock import HOST_CLOCK, Clock
from harness.words.costs import Costs
from harness.words.plan import Cell, Plan
from harness.words.records import TrialResult


def try_lab(
    plan: Plan, cells: Sequence[Cell], site: Site, deadlines: Deadlines | None = None, clock: Clock = HOST_CLOCK
) -> list[TrialResult]:
    """Carry out the cells of one lab and judge them; returns their entries of results.json.

    Raises: nothing but interrupts.
    """

    def keep() -> bool:
        return plan.keep == "always" or (plan.keep == "failed" and any(lacks_a_good_end(plan, cell) for cell in cells))

    progress = Progress(plan, cells[0].lab, Costs(plan.lab_folder(cells[0].lab), len(cells)))
    run_lab(plan, cells, site, progress, keep=keep, deadlines=deadlines, clock=clock)
    entries = [conclude(plan, cell) for cell in cells]
    progress.enter(None)
    return entries
