"""What is said of the doors of a plan, and of a history of one that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.chaos.results import BROKEN, KEPT, UNKNOWN, PromiseSeen
from harness.evidence.plans_told import told_of
from harness.runs.plan_result import Tried, judge_doors
from tests.unit.stories import whole_history
from tests.unit.test_chaos_verdicts import result


@pytest.mark.rule("plan-page-says-untold", "A page says where something else of a broken promise could not be told.")
def test_a_broken_promise_of_which_something_could_not_be_told_says_so() -> None:
    plan = result(
        overdue=PromiseSeen(came_to=BROKEN, known="#17764", untold=True), once=PromiseSeen(came_to=BROKEN), ticks=KEPT
    )
    assert told_of(plan, BROKEN) == "overdue (#17764; something else of it could not be told), once"
    assert told_of(plan, KEPT) == "ticks"


@pytest.mark.rule("plan-unreadable-time-is-an-error", "A history with a time that cannot be read leaves all unknown.")
def test_a_time_that_cannot_be_read_is_an_error_of_its_door(tmp_path: Path) -> None:
    lines = whole_history(("completed",) * 3, ("completed",) * 3)

    def came_to(created: str) -> tuple[str, str]:
        for line in lines:
            if line["kind"] == "listing":
                for run in line["runs"]:
                    run["created"] = created
        (tmp_path / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        (door,) = judge_doors(1, {(1, "a"): Tried("none", tmp_path)}, "3.9.1")
        return door.result.outcome, door.result.promises["overdue"].came_to

    assert came_to("2030-01-01T00:00:00Z") == ("survived", KEPT)
    assert came_to("soon") == ("error", UNKNOWN)
