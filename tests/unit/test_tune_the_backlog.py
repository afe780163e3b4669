"""What experiments/tune-the-backlog predicts, and how it tells that a slot stood empty."""

from __future__ import annotations

from types import ModuleType

import pytest

from harness.runs.experiments import EXPERIMENTS
from harness.words.rooms import module_at


@pytest.fixture(scope="module")
def shapes() -> ModuleType:
    return module_at(EXPERIMENTS / "tune-the-backlog" / "shapes.py", "tune_the_backlog")


def test_the_backlog_is_what_is_due_less_what_the_slots_can_take(shapes: ModuleType) -> None:
    assert shapes.predicted(seconds=120, interval=6, slots=1, run_time=10, overhead=2) == pytest.approx(20 - 10)
    assert shapes.predicted(seconds=120, interval=6, slots=1, run_time=10, overhead=0) == pytest.approx(20 - 12)
    assert shapes.predicted(seconds=240, interval=6, slots=1, run_time=10, overhead=2) == pytest.approx(2 * 10)


@pytest.mark.parametrize("knob", [{"interval": 12}, {"slots": 2}, {"run_time": 4}])
def test_there_is_none_where_the_slots_keep_up_with_the_schedule(shapes: ModuleType, knob: dict[str, float]) -> None:
    tight = {"seconds": 120, "interval": 6, "slots": 1, "run_time": 10, "overhead": 2}
    assert shapes.predicted(**tight) > 0
    assert shapes.predicted(**tight | knob) == 0
    assert shapes.predicted(**tight | {"slots": 9}) == 0, "and never less than none"


def test_a_slot_is_empty_from_the_end_of_a_run_until_the_next_one_takes_it(shapes: ModuleType) -> None:
    waited = [(0.0, 0.0, 10.0), (5.0, 14.0, 24.0), (20.0, 25.0, None)]
    assert shapes.empty_times(1, waited) == [4.0, 1.0]


def test_a_slot_that_nobody_waits_for_is_not_counted_as_empty(shapes: ModuleType) -> None:
    assert shapes.empty_times(1, [(0.0, 0.0, 4.0), (10.0, 10.0, 14.0), (20.0, None, None)]) == []


def test_each_slot_is_told_from_the_others(shapes: ModuleType) -> None:
    runs = [(0.0, 0.0, 10.0), (0.0, 1.0, 12.0), (0.0, 13.0, None), (0.0, 15.0, None)]
    assert shapes.empty_times(2, runs) == [3.0, 3.0]
