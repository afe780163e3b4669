"""A plan that breaks a promise, made smaller while it still does so: which plans to try, and when to believe a try.

One run says little where a race is in play. So a smaller plan is held to a sequential test (Wald's): it is carried out
until it has broken the promise often enough to be believed to do so as often as the first one does, or too seldom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from harness.chaos.model import Model
from harness.chaos.plans import AnyStep, ChaosPlan, CreateRuns, Hurt, Interrupt, MoveClock, OpenDoor

_LEAST_MINUTES = 6  # of a move: less and no tick of a schedule that ticks every five minutes is passed for certain
_WRONG = 0.05  # how often the test may be wrong, either way
_MUCH_LESS = 3.0  # a rate so many times smaller is none that is comparable


@dataclass
class SequentialTest:
    """Whether something breaks at a rate that is comparable to `rate`, or at one that is much smaller.

    `verdict` after each run: True or False, or None while it cannot be told. `most`: runs, after which it is False.
    """

    rate: float
    most: int = 12
    runs: int = 0
    broke: int = 0

    def __post_init__(self) -> None:
        self._likely = min(0.95, max(0.05, self.rate))
        self._unlikely = self._likely / _MUCH_LESS

    def saw(self, *, broke: bool) -> None:
        """One more run."""
        self.runs += 1
        self.broke += broke

    @property
    def verdict(self) -> bool | None:
        """What the runs so far say."""
        held = self.runs - self.broke
        ratio = self.broke * math.log(self._likely / self._unlikely)
        ratio += held * math.log((1 - self._likely) / (1 - self._unlikely))
        if ratio >= math.log((1 - _WRONG) / _WRONG):
            return True
        if ratio <= math.log(_WRONG / (1 - _WRONG)) or self.runs >= self.most:
            return False
        return None


def reduced(plan: ChaosPlan, still_breaks: Callable[[ChaosPlan], bool], first: Iterable[ChaosPlan] = ()) -> ChaosPlan:
    """The smallest plan that is found from this one, one part left out or made smaller at a time.

    `first`: smaller plans to try before, until one breaks the promise. No plan is tried twice. Where none of the
    smaller ones breaks the promise, the plan is the smallest.
    """
    tried = {_key(plan)}
    for smaller in first:
        if _key(smaller) not in tried:
            tried.add(_key(smaller))
            if still_breaks(smaller):
                plan = smaller
                break
    while True:
        for smaller in smaller_than(plan):
            if _key(smaller) in tried:
                continue
            tried.add(_key(smaller))
            if still_breaks(smaller):
                plan = smaller
                break
        else:
            return plan


def around(plan: ChaosPlan, step: int) -> ChaosPlan:
    """The plan with this step alone, and with what put runs at risk there: the fault, and all but doors since it began.

    A door that breaks a promise mostly needs no more; then most of the plan is left out in one try.
    """
    before = plan.steps[: step - 1]
    hurt = max((at for at, one in enumerate(before) if isinstance(one, Hurt)), default=0)
    since = [one for one in before[hurt:] if not isinstance(one, OpenDoor | Interrupt)]
    return _mended(plan, [*since, plan.steps[step - 1]])


def smaller_than(plan: ChaosPlan) -> Iterator[ChaosPlan]:
    """Plans with a part less, the largest parts first; each can be carried out if this one can."""
    steps, number = plan.steps, len(plan.steps)
    size = max(1, number // 2)
    while size:
        for start in range(0, number, size):
            yield _mended(plan, [*steps[:start], *steps[start + size :]])
        size //= 2
    for one in plan.deployments if len(plan.deployments) > 1 else ():
        left = [other for other in plan.deployments if other.name != one.name]
        yield _mended(replace(plan, deployments=left), [step for step in steps if getattr(step, "of", "") != one.name])
    if plan.limit is not None:
        yield _mended(replace(plan, limit=None), steps)
    for at, step in enumerate(steps):
        for simpler in _simpler(step):
            yield _mended(plan, [*steps[:at], simpler, *steps[at + 1 :]])


def _simpler(step: AnyStep) -> Iterator[AnyStep]:
    match step:
        case MoveClock(minutes=minutes) if minutes > _LEAST_MINUTES:
            yield replace(step, minutes=_LEAST_MINUTES)
        case CreateRuns(number=many) if many > 1:
            yield replace(step, number=1)
        case Interrupt(seconds=seconds) if seconds:
            yield replace(step, seconds=0)


def _mended(plan: ChaosPlan, steps: Sequence[AnyStep]) -> ChaosPlan:
    """The plan with these steps, without those that are not possible any more (a lift whose fault was left out)."""
    model, kept = Model(), list[AnyStep]()
    for step in steps:
        if not model.objection(step):
            kept.append(step)
            model = model.after(step)
    return replace(plan, steps=kept, seed=None, number=None)


def _key(plan: ChaosPlan) -> str:
    return repr((plan.deployments, plan.limit, plan.steps))
