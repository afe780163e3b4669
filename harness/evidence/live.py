"""What a terminal shows while labs run: each one's phase, and of its trials how many runs are at risk and what came.

Fed from the run's files alone (progress.jsonl, the histories), so that no worker has to speak to it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from harness.evidence.table import STYLES
from harness.verdict.outcomes import contradicts, said
from harness.words.facts import in_state
from harness.words.names import BEFORE, SIDES
from harness.words.plan import Cell, Plan
from harness.words.records import TrialResult

DONE = "done"
_TRIALS = 14  # of a lab; a terminal has 24 lines


class LiveView:
    """The labs that are at work, as a table that is made anew as often as it is asked for."""

    def __init__(self, plan: Plan, clock: Callable[[], float]) -> None:
        self._plan, self._clock = plan, clock
        self._phases: dict[str, tuple[str, float]] = {}
        self._at_risk: dict[str, str] = {}

    def enter(self, lab: str, phase: str) -> None:
        """A lab has entered a phase."""
        self._phases[lab] = (phase, self._clock())

    def all_done(self, labs: Iterable[str]) -> bool:
        """Whether each of these labs has said that it is down."""
        return all(lab in self._phases and self._phases[lab][0] == DONE for lab in labs)

    def draw(self, entries: Mapping[str, TrialResult]) -> Table:
        """The table: a row for each lab at work and below it its trials, and a last line for all that is over."""
        cells = [cell for cell in self._plan.cells if cell.outcome is None]
        drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
        drawn.add_column(no_wrap=True)
        drawn.add_column(no_wrap=True)
        drawn.add_column(no_wrap=True)
        for lab, (phase, since) in self._phases.items():
            if phase == DONE:
                continue
            mine = [cell for cell in cells if cell.lab == lab]
            drawn.add_row(
                Text(lab.replace("--", ", "), style="bold"), Text(phase), Text(f"{self._clock() - since:.0f} s", "dim")
            )
            for cell in mine[:_TRIALS]:
                drawn.add_row(*self._trial(cell, entries.get(cell.name)))
            if len(mine) > _TRIALS:
                drawn.add_row(Text(f"  and {len(mine) - _TRIALS} more", "dim"))
        labs = {cell.lab for cell in cells}
        over = sum(phase == DONE for phase, _ in self._phases.values())
        came = Counter(said(entry) for entry in entries.values() if entry.outcome is not None)
        counts = ", ".join(f"{number} {word}" for word, number in came.most_common())
        drawn.add_row(Text(f"{over} of {len(labs)} labs done" + (f": {counts}" if counts else ""), "dim"))
        return drawn

    def _trial(self, cell: Cell, entry: TrialResult | None) -> Sequence[Text]:
        name = Text(f"  {cell.scenario}, {cell.door}")
        if entry and entry.outcome is not None:
            word = said(entry) + (" (!)" if contradicts(entry) else "")
            return name, Text(word, style=STYLES.get(said(entry), "")), Text("")
        return name, Text(self._backlog(cell), "dim"), Text("")

    def _backlog(self, cell: Cell) -> str:
        """How many runs are at risk on each side, as soon as the history says so."""
        if cell.name not in self._at_risk:
            for state, runs in _listed(self._plan.trial_folder(cell) / "history.jsonl"):
                sides = Counter(
                    run["side"] for run in runs if in_state(state, run["state_name"], run.get("state_type"))
                )
                self._at_risk[cell.name] = "at risk: " + ", ".join(f"{sides[side]} {side}" for side in SIDES)
        return self._at_risk.get(cell.name, "")


def _listed(history: Path) -> list[tuple[str, list[dict[str, Any]]]]:
    """The state at risk and the listing before the door, if that is there yet and whole."""
    state = ""
    with suppress(OSError, ValueError, KeyError, TypeError):
        for line in history.read_text(encoding="utf-8").splitlines():
            if '"kind": "trial"' in line:
                state = str(json.loads(line)["state"])
            if '"listing"' in line and (event := json.loads(line)).get("when") == BEFORE:
                return [(state, event["runs"])]
    return []
