"""What a terminal shows while labs run, from the files that they write."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from harness.doors import load_doors
from harness.evidence.live import DONE, LiveView
from harness.runs.plan import plan_cell
from harness.store.trial_folder import result
from harness.trials.scenario import load_scenarios
from harness.words.plan import Cell, Plan
from harness.words.records import TrialResult

DOORS = load_doors()


def cells(*doors: str, subject: str = "3.3.4") -> list[Cell]:
    outage = load_scenarios()["worker-outage"]
    facts = {"subject": subject, "version": subject, "as_of": "", "engine": "containers", "engine_detail": ""}
    return [plan_cell(outage, DOORS[door], **facts) for door in doors]  # type: ignore[arg-type]


class Shown:
    """A view of these cells, on a clock that stands still until it is set."""

    def __init__(self, folder: Path, planned: list[Cell]) -> None:
        self.plan = Plan("run", folder, planned)
        self.now = 0.0
        self.view = LiveView(self.plan, lambda: self.now)
        self.entries: dict[str, TrialResult] = {cell.name: result(self.plan, cell, [], None) for cell in planned}

    def lines(self) -> list[str]:
        file = io.StringIO()
        Console(file=file, width=80).print(self.view.draw(self.entries))
        return [line.rstrip() for line in file.getvalue().splitlines()]

    def write(self, cell: Cell, text: str) -> None:
        path = self.plan.trial_folder(cell) / "history.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def listing(when: str, **sides: int) -> str:
    runs = [{"side": side, "state_name": "Late"} for side, number in sides.items() for _ in range(number)]
    opening = json.dumps({"kind": "trial", "state": "Late"}) + "\n"
    return opening + (
        json.dumps({"kind": "listing", "when": when, "runs": [*runs, {"side": "twin", "state_name": "Running"}]}) + "\n"
    )


def test_a_lab_at_work_has_its_phase_and_its_trials_what_is_known_of_them(tmp_path: Path) -> None:
    first, second = planned = cells("prefect-deploy", "none")
    shown = Shown(tmp_path, planned)
    shown.view.enter(first.lab, "trigger")
    shown.now = 7.4
    shown.write(first, listing("before the door", treated=3, twin=4))
    lost = replace(shown.entries[second.name], outcome="lost", expected="survived")
    shown.entries[second.name] = lost
    lab, one, other, last = shown.lines()
    assert lab.split() == ["3.3.4,", "containers", "trigger", "7", "s"]
    assert one.split("  ")[1:] == ["worker-outage, prefect-deploy", "at risk: 3 treated, 4 twin"]
    assert other.split()[-2:] == ["lost", "(!)"]
    assert last == "0 of 1 labs done: 1 lost"


def test_a_lab_that_is_done_is_counted_and_gone(tmp_path: Path) -> None:
    planned = [*cells("none"), *cells("none", subject="3.3.3")]
    shown = Shown(tmp_path, planned)
    shown.view.enter(planned[0].lab, DONE)
    shown.view.enter(planned[1].lab, "start")
    assert [line.split()[0] for line in shown.lines()] == ["3.3.3,", "worker-outage,", "1"]


CUT_OFF = listing("before the door")[:-9]


@pytest.mark.parametrize("text", ["", "{", listing("after the drain", treated=3), CUT_OFF, "[]\n"])
def test_a_history_that_says_nothing_yet_shows_nothing(tmp_path: Path, text: str) -> None:
    (cell,) = planned = cells("none")
    shown = Shown(tmp_path, planned)
    shown.view.enter(cell.lab, "prove")
    shown.write(cell, text)
    assert shown.lines()[1] == "  worker-outage, none"
    shown.write(cell, listing("before the door", treated=1, twin=2))
    assert "at risk: 1 treated, 2 twin" in shown.lines()[1]


def test_it_fits_a_terminal_of_80_columns_and_24_lines(tmp_path: Path) -> None:
    planned = cells(*DOORS)
    shown = Shown(tmp_path, [cell for cell in planned if cell.outcome is None])
    shown.view.enter(planned[0].lab, "steady state")
    lines = shown.lines()
    assert max(len(line) for line in lines) <= 80
    assert len(lines) <= 24
    assert any(line.startswith("  and ") for line in lines)
