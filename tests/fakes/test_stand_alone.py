"""reproduce.py: where it is written, and where the fault cannot be told so shortly. (What it does: end_to_end.)"""

from __future__ import annotations

import ast

import pytest
from msgspec.structs import replace

from harness.evidence.script import NAME, script
from harness.words.plan import Cell
from tests.fakes.fake_lab import VERSION, FakeLab

OUTAGE, LIMIT = "worker-outage", "concurrency-limit"


@pytest.mark.parametrize("scenario", [OUTAGE, LIMIT])
def test_it_lies_beside_a_trial_that_lost_runs_and_is_python(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_update(lambda: backlog.delete(backlog.at_risk()))
    entry = lab.trial(scenario)
    folder = lab.plan.folder / entry.folder
    text = (folder / NAME).read_text(encoding="utf-8")
    ast.parse(text)
    assert f'dependencies = ["prefect=={VERSION}"]' in text
    assert ("concurrency_limit: 1" in text) is (scenario == LIMIT)
    assert len(text.splitlines()) <= 80
    assert f"`uv run {NAME}`, beside this report" in (folder / "report.md").read_text(encoding="utf-8")


def test_it_does_not_lie_beside_a_trial_that_survived(lab: FakeLab) -> None:
    entry = lab.trial(OUTAGE)
    folder = lab.plan.folder / entry.folder
    assert not (folder / NAME).exists()
    assert NAME not in (folder / "report.md").read_text(encoding="utf-8")


def test_what_it_cannot_stage_or_bring_has_none(lab: FakeLab) -> None:
    cell: Cell = lab.cell(OUTAGE)
    assert script(cell, "Late")
    assert script(replace(cell, subject="latest"), "Late")
    for other in (
        replace(cell, door="pause-deployment"),
        replace(cell, subject="path:."),
        replace(cell, subject=f"{VERSION}+delete-one-late-run"),
        replace(cell, versions={"worker": "3.3.3"}),
    ):
        assert script(other, "Late") == ""
    assert script(cell, "AwaitingRetry") == ""
