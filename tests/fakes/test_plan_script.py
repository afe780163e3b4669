"""reproduce.py beside a plan that lost runs: where it is written, and what it takes of the plan's steps."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from harness.evidence.plan_steps import plan_script
from tests.fakes.test_plans_of_chaos import DEPLOY, LATE_AND_DEPLOYED, OUTAGE, A, B, plan
from tests.fakes.test_recheck_campaign import once

STEPS = ("{do: hurt, fault: worker-killed}", "{do: move-clock, minutes: 16}", "{do: open, door: patch-twice, of: b}",
         "{do: lift, fault: worker-killed}", "{do: wait, until: done, of: a}")  # fmt: skip


def test_it_lies_beside_a_plan_that_lost_a_run_and_beside_no_other(tmp_path: Path) -> None:
    folder = once(tmp_path, plan(*LATE_AND_DEPLOYED), plan(*OUTAGE))
    text = (folder / "plans" / "plan-1" / "reproduce.py").read_text(encoding="utf-8")
    ast.parse(text)
    assert 'dependencies = ["prefect==3.9.1"]' in text and 'exclude-newer = "2030-01-01"' in text
    assert not (folder / "plans" / "plan-2" / "reproduce.py").exists()
    for name in ("plans/plan-1/report.md", "index.html"):
        assert "reproduce.py" in (folder / name).read_text(encoding="utf-8")


def test_each_step_is_a_line_of_it() -> None:
    text = plan_script(plan(*STEPS, deployments=[A, B]), "3.3.3", "2030-01-01")
    ast.parse(text)
    lines = re.search(r"# The steps\.\n(.*?)finally:", text, re.DOTALL)
    assert lines and [line.strip() for line in lines[1].splitlines()] == [
        "end_worker()", "let_pass(3)", 'update("b", "patch-twice")', "start_worker()", "let_pass(1)",
    ]  # fmt: skip
    assert "NAMES = ['a', 'b', 'twin']" in text and len(text.splitlines()) <= 120


@pytest.mark.parametrize(
    "step",
    [
        "{do: open, door: upsert-storm, of: a}",
        "{do: hurt, fault: worker-frozen}",
        "{do: create-runs, number: 1, of: a}",
    ],
)
def test_a_plan_with_a_step_that_it_cannot_take_has_none(step: str) -> None:
    assert plan_script(plan(DEPLOY), "3.3.3", "2030-01-01")
    assert plan_script(plan(DEPLOY, step), "3.3.3", "2030-01-01") == ""
