"""What -k selects, by pytest's own rules."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType

import pytest

from harness.doors import load_doors
from harness.runs.plan import plan_cell
from harness.runs.selection import select
from harness.trials.scenario import load_scenarios
from harness.words.errors import Interrupted, UsageError
from harness.words.places import ROOT
from harness.words.plan import Plan

DOORS = load_doors()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    cells = [
        plan_cell(load_scenarios()[name], DOORS["none"], subject="3.3.4", version="3.3.4", as_of="", engine="processes",
                  engine_detail="")
        for name in ("worker-outage", "awaiting-retry")
    ]  # fmt: skip
    return Plan("run", tmp_path, cells)


@pytest.fixture
def stopping() -> Iterator[None]:
    """SIGTERM raises, as in the command."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    before = signal.signal(signal.SIGTERM, stop)
    yield
    signal.signal(signal.SIGTERM, before)


def test_an_expression_selects_by_name(plan: Plan) -> None:
    assert [cell.scenario for cell in select(plan, "outage and 3.3.4").cells] == ["worker-outage"]
    assert len(select(plan, "not serve").cells) == 2


def test_an_expression_that_selects_none_is_answered_with_names(plan: Plan) -> None:
    with pytest.raises(UsageError, match="selects none of the 2 trials"):
        select(plan, "serve")


@pytest.mark.rule("select-by-own-name", "`-k` selects by a trial's own name.")
@pytest.mark.parametrize("expression", ["main", "scenario.py", "scenarios", ROOT.name, "harness"])
def test_an_expression_is_for_a_trials_own_name_and_not_for_where_its_file_lies(plan: Plan, expression: str) -> None:
    if any(expression in cell.name for cell in plan.cells):
        pytest.skip(f"this checkout's folder is called {expression!r}, which is part of a trial's name, too")
    with pytest.raises(UsageError, match="selects none of the 2 trials"):
        select(plan, expression)


@pytest.mark.parametrize("expression", ["outage and (", "and", "outage or"])
def test_an_expression_that_cannot_be_read_selects_nothing_and_is_wrong_usage(plan: Plan, expression: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        select(plan, expression)


@pytest.mark.rule("interrupt-while-selecting", "An interrupt that comes while pytest selects is not lost.")
@pytest.mark.usefixtures("stopping")
def test_a_signal_that_comes_while_pytest_selects_is_not_swallowed(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    collect = pytest.main

    def swallowing(*arguments: object, **named: object) -> object:
        with suppress(Interrupted):  # as pytest does with what interrupts a collection
            os.kill(os.getpid(), signal.SIGTERM)
            return collect(*arguments, **named)  # type: ignore[arg-type]
        return 2

    monkeypatch.setattr(pytest, "main", swallowing)
    with pytest.raises(Interrupted):
        select(plan, "outage")
