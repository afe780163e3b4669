"""A plan that breaks a promise, replayed to see how often it does so, and made smaller on real labs."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from harness.chaos.plans import ChaosPlan
from harness.chaos.reduce import SequentialTest, around, reduced
from harness.chaos.results import BROKEN, PlanResult, PromiseSeen

_REPLAYS = 3  # of the plan as it was given, at the least
_MOST_TRIES = 100  # of all plans together: so a reduction always ends


class Reduction(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a reduction.

    promise         that each of these plans breaks
    broke, replays  how often the plan that was given did so
    plan            the smallest that was found, and `last`: what it came to when it last broke the promise
    tries           how many plans were carried out, the replays among them; `is_cut`: no more were allowed
    """

    promise: str
    broke: int
    replays: int
    plan: ChaosPlan
    last: PlanResult | None
    tries: int
    is_cut: bool


def reduce_plan(
    plan: ChaosPlan, promise: str, carry_out: Callable[[ChaosPlan], PlanResult], say: Callable[[str], None]
) -> Reduction:
    """Replay a plan, and make it smaller while it breaks the promise at a comparable rate."""
    tries, is_cut = 0, False
    last: PlanResult | None = None

    def breaks(one: ChaosPlan) -> bool:
        nonlocal tries, last
        tries += 1
        result = carry_out(one)
        broke = result.promises[promise].came_to == BROKEN
        last = result if broke else last
        return broke

    broke = sum(breaks(plan) for _ in range(_REPLAYS))
    say(f"{len(plan.steps)} steps: {promise} broken {broke} of {_REPLAYS} times")

    def still_breaks(smaller: ChaosPlan) -> bool:
        nonlocal is_cut, last
        before, test = last, SequentialTest(rate=broke / _REPLAYS)
        while test.verdict is None:
            if tries >= _MOST_TRIES:  # rule: plan-reduction-ends
                is_cut = True
                break
            test.saw(broke=breaks(smaller))
        if not test.verdict:
            last = before  # it is of the plan that was kept
        word = "still broken" if test.verdict else "left as it was"
        say(f"{len(smaller.steps)} steps: {promise} broken {test.broke} of {test.runs} times: {word}")
        return bool(test.verdict)

    # rule: plan-reduction-begins-around-the-door (gives [])
    near = [around(plan, step) for step in _steps_of(last, promise, plan)]
    smallest = reduced(plan, still_breaks, near) if broke else plan
    return Reduction(
        promise=promise, broke=broke, replays=_REPLAYS, plan=smallest, last=last, tries=tries, is_cut=is_cut
    )


def _steps_of(result: PlanResult | None, promise: str, plan: ChaosPlan) -> list[int]:
    """The steps whose doors showed that the promise is broken, the first one first; not the null door's."""
    doors = result.doors if result else ()
    found = {door.step for door in doors if door.promises.get(promise, PromiseSeen(came_to="")).came_to == BROKEN}
    return sorted(found & plan.doors.keys())
