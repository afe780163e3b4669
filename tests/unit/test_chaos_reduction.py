"""A plan made smaller: by parts, while it still breaks its promise, and by no more runs than it takes to believe it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.chaos.draw import draw
from harness.chaos.model import check_plan
from harness.chaos.plans import ChaosPlan, Hurt, MoveClock, OpenDoor
from harness.chaos.reduce import SequentialTest, around, reduced, smaller_than
from harness.chaos.results import BROKEN, KEPT, DoorResult, PlanResult, PromiseSeen
from harness.runs.reduction import reduce_plan

plans = st.builds(draw, st.integers(1, 10_000), st.integers(1, 5), st.integers(1, 12))


def loses(plan: ChaosPlan) -> bool:
    """What 3.3.3 does: a door that is opened while runs are overdue breaks the promise."""
    hurt = moved = False
    for step in plan.steps:
        hurt = isinstance(step, Hurt) or (hurt and step.kind[:4] != "lift")
        moved = hurt and (moved or isinstance(step, MoveClock))
        if moved and isinstance(step, OpenDoor):
            return True
    return False


@given(plans)
@settings(derandomize=True, database=None, deadline=None, max_examples=50)
def test_each_smaller_plan_can_be_carried_out_and_none_is_larger(plan: ChaosPlan) -> None:
    for smaller in smaller_than(plan):
        check_plan(smaller)
        assert len(smaller.steps) <= len(plan.steps)


def test_a_limit_that_does_not_matter_is_left_out() -> None:
    limited = replace(draw(7, 2, 12), limit=2)
    assert loses(limited) and reduced(limited, loses).limit is None
    assert reduced(limited, lambda plan: loses(plan) and plan.limit is not None).limit == 2


@given(plans.filter(loses))
@settings(derandomize=True, database=None, deadline=None, max_examples=30)
def test_what_3_3_3_does_is_reduced_to_three_steps(plan: ChaosPlan) -> None:
    smallest = reduced(plan, loses)
    assert [step.kind.partition(" ")[0] for step in smallest.steps] == ["hurt", "move-clock", "open"]
    assert len(smallest.deployments) == 1
    assert loses(smallest) and (smallest == plan or smallest.seed is None)


def runs_until_told(rate: float, breaks: Callable[[], bool]) -> tuple[bool, int]:
    test = SequentialTest(rate)
    while test.verdict is None:
        test.saw(broke=breaks())
    return test.verdict, test.runs


def test_what_always_breaks_is_believed_after_three_runs_and_what_never_does_after_two() -> None:
    assert runs_until_told(1.0, lambda: True) == (True, 3)
    assert runs_until_told(1.0, lambda: False) == (False, 2)


@pytest.mark.parametrize("rate", [1.0, 0.67, 0.33])
def test_the_test_errs_seldom_and_ends_always(rate: float) -> None:
    drawn = random.Random(1)
    as_often = [runs_until_told(rate, lambda: drawn.random() < min(rate, 0.95)) for _ in range(2000)]
    seldom = [runs_until_told(rate, lambda: drawn.random() < min(rate, 0.95) / 5) for _ in range(2000)]
    assert max(runs for _, runs in [*as_often, *seldom]) <= 12
    assert sum(verdict for verdict, _ in seldom) < 2000 * 0.08
    if rate > 0.5:  # a rarer one is not told apart in twelve runs, and then the plan is left as it was
        assert sum(verdict for verdict, _ in as_often) > 2000 * 0.85


def carried(breaks: Callable[[ChaosPlan], bool], tried: list[ChaosPlan]) -> Callable[[ChaosPlan], PlanResult]:
    def carry_out(plan: ChaosPlan) -> PlanResult:
        tried.append(plan)
        word = BROKEN if breaks(plan) else KEPT
        return PlanResult(
            file=f"plan-{len(tried)}", seed=None, number=None, steps=[str(step) for step in plan.steps], executed=[],
            places=[], in_vain=[], promises={"overdue": PromiseSeen(came_to=word)}, doors=[], seconds=0, cpu_seconds=0,
        )  # fmt: skip

    return carry_out


def test_a_plan_is_replayed_and_what_it_comes_to_is_that_of_the_smallest() -> None:
    plan = next(plan for seed in range(50) if loses(plan := draw(seed, 1, 12)))
    tried: list[ChaosPlan] = []
    told: list[str] = []
    found = reduce_plan(plan, "overdue", carried(loses, tried), told.append)
    assert (found.broke, found.replays, found.is_cut, found.tries) == (3, 3, False, len(tried))
    assert found.last and list(found.last.steps) == [str(step) for step in found.plan.steps]
    assert len(found.plan.steps) == 3
    assert told[0] == "12 steps: overdue broken 3 of 3 times"


def breaking_step(plan: ChaosPlan) -> int:
    """The number of the first door that `loses` is true of."""
    return next(number for number in plan.doors if loses(replace(plan, steps=plan.steps[:number])))


@given(plans.filter(loses))
@settings(derandomize=True, database=None, deadline=None, max_examples=50)
def test_what_is_around_the_door_that_broke_a_promise_can_be_carried_out_and_breaks_it_too(plan: ChaosPlan) -> None:
    near = around(plan, breaking_step(plan))
    check_plan(near)
    assert loses(near) and len(near.doors) == 1 and len(near.steps) <= len(plan.steps)


@pytest.mark.rule(
    "plan-reduction-begins-around-the-door", "A reduction tries first what lies around the door that broke the promise."
)
def test_a_reduction_begins_around_the_door_that_broke_the_promise() -> None:
    plan = next(plan for seed in range(50) if loses(plan := draw(seed, 1, 12)) and breaking_step(plan) > 4)
    step = breaking_step(plan)
    door = DoorResult(
        step=step, deployment="a", door="prefect-deploy", outcome="lost", reason="", folder="",
        promises={"overdue": PromiseSeen(came_to=BROKEN)},
    )  # fmt: skip

    def with_doors(tried: list[ChaosPlan], doors: Sequence[DoorResult]) -> Callable[[ChaosPlan], PlanResult]:
        carry_out = carried(loses, tried)
        return lambda one: replace(carry_out(one), doors=doors)

    without, tried = list[ChaosPlan](), list[ChaosPlan]()
    plainly = reduce_plan(plan, "overdue", with_doors(without, []), lambda _: None)
    found = reduce_plan(plan, "overdue", with_doors(tried, [door]), lambda _: None)
    assert tried[3] == around(plan, step) and len(found.plan.steps) == len(plainly.plan.steps) == 3
    assert len(tried) < len(without)
    of_no_step = replace(door, step=len(plan.steps) + 1)  # the null door
    assert reduce_plan(plan, "overdue", with_doors([], [of_no_step]), lambda _: None).tries == len(without)


def test_a_plan_that_breaks_nothing_is_left_as_it_is() -> None:
    tried: list[ChaosPlan] = []
    found = reduce_plan(draw(7, 2, 12), "overdue", carried(lambda _: False, tried), lambda _: None)
    assert (found.broke, found.plan, found.last, len(tried)) == (0, draw(7, 2, 12), None, 3)


@pytest.mark.rule("plan-reduction-ends", "A reduction carries out a hundred plans at the most.")
def test_a_reduction_ends_though_nothing_smaller_breaks_the_promise() -> None:
    plan, tried = draw(7, 2, 40), list[ChaosPlan]()
    found = reduce_plan(plan, "overdue", carried(lambda one: one == plan, tried), lambda _: None)
    assert found.is_cut and found.plan == plan and len(tried) == 100
    assert found.last and found.last.file == "plan-3"
