"""Plans drawn from a seed: the same seed gives the same plan on any machine and any version of Python.

What is drawn rests on two things alone that do not change: SHA-256, which makes a whole number of the seed and the
plan's own number, and `random.Random(that number).random()`, of which Python says that its sequence stays as it is (its
documentation, "Notes on Reproducibility"). Each choice takes one such number and weighs whole numbers by it. What other
functions of `random` draw did change between versions.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from harness.chaos.coverage import BEGIN, KINDS, Coverage
from harness.chaos.model import Model, check_plan, places_of
from harness.chaos.plans import (
    FORMAT,
    NAMES,
    AnyStep,
    ChaosPlan,
    CreateRuns,
    Interrupt,
    MoveClock,
    OpenDoor,
    PlannedDeployment,
    Wait,
)
from harness.words.names import SQLITE

T = TypeVar("T")

_DEPLOYMENTS = (6, 3, 1)  # the weights of one, two and three deployments
_SCHEDULES = (
    "cron */5 * * * *",
    "cron */10 * * * *",
    "cron 3,23,43 * * * *",
    "interval 5m anchor 2026-01-01T00:00:00",
    "interval 7m anchor 2026-01-01T00:02:00",
)
_MINUTES = (6, 11, 16)  # of a move: a tick or a few of a schedule
_RUNS = (1, 2)
_SECONDS = (0, 3, 8)  # of an interruption; a worker that polls every 2 s notices all but the first
_LIMITS = {None: 2, 2: 1}  # the weights of plans without a concurrency limit, and with one of 2
_STAND_IN = (1, 7)  # the weights of plans whose runs are executed by Prefect's engine, and by the stand-in
# Of each kind, by the state that the plan is in and the first word of the kind. A door is what puts a promise to the
# test, and it does so where runs are at risk: so runs come to be overdue soon, and most doors are opened then.
_WEIGHTS = {
    "quiet": {"open": 2, "hurt": 30, "move-clock": 5, "create-runs": 4, "wait": 2, "interrupt": 2},
    "hurt": {"open": 1, "lift": 1, "move-clock": 60, "create-runs": 6, "wait": 1, "interrupt": 1},
    "overdue": {"open": 24, "lift": 12, "move-clock": 5, "create-runs": 4, "wait": 2, "interrupt": 6},
}
_MAKES_OVERDUE, _TURNS_LATE, _TO_TURN_LATE = ("move-clock", "create-runs"), "wait late", 200
_UNSEEN = 8  # what was never executed counts so many times as much as what was executed seven times


class Drawer:
    """Draws whole numbers, and one of several things."""

    def __init__(self, seed: int, number: int) -> None:
        digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
        self._random = random.Random(int.from_bytes(digest, "big"))  # noqa: S311 - nothing secret

    def below(self, number: int) -> int:
        """A whole number from 0 to one less than `number`."""
        return int(self._random.random() * number)

    def one_of(self, things: Sequence[T]) -> T:
        """One of these, each as likely as another."""
        return things[self.below(len(things))]

    def weighed(self, things: Sequence[T], weights: Sequence[int]) -> T:
        """One of these, each as likely as its weight says."""
        left = self.below(sum(weights))
        for thing, weight in zip(things, weights, strict=True):
            left -= weight
            if left < 0:
                return thing
        raise AssertionError("weights are whole numbers from 0 on")


def draw(seed: int, number: int, steps: int, seen: Coverage | None = None, database: str = SQLITE) -> ChaosPlan:
    """The plan of that number of a seed, with so many steps; `seen` is what was executed before, pair by pair.

    With another `seen`, and for another database, the same seed draws another plan: who wants the same one keeps the
    plan itself.
    """
    drawer, known = Drawer(seed, number), seen or Coverage()
    names = NAMES[: drawer.weighed(range(1, len(_DEPLOYMENTS) + 1), _DEPLOYMENTS)]
    deployments = [PlannedDeployment(name=name, schedule=drawer.one_of(_SCHEDULES)) for name in names]
    stand_in = bool(drawer.weighed((0, 1), _STAND_IN))
    model, last, drawn = Model(), BEGIN, list[AnyStep]()
    for _ in range(steps):
        possible = sorted(model.possible(names, database), key=lambda step: KINDS.index(step.kind))
        step = drawer.weighed(possible, [_weight(known, model, last, each.kind) for each in possible])
        drawn.append(_filled(step, drawer, names, drawn))
        model, last = model.after(step), step.kind
    limit = drawer.weighed(list(_LIMITS), list(_LIMITS.values()))
    plan = ChaosPlan(
        plan=FORMAT, seed=seed, number=number, deployments=deployments, steps=drawn, stand_in=stand_in, limit=limit
    )
    check_plan(plan)
    return plan


def _weight(seen: Coverage, model: Model, last: str, kind: str) -> int:
    """What a kind of step counts now: less, the oftener it was executed after the last one, and in this state."""
    weight = _WEIGHTS[model.state].get(kind.partition(" ")[0], 1)
    if kind == _TURNS_LATE and last in _MAKES_OVERDUE:
        weight = _TO_TURN_LATE
    times = seen.times_after(last, kind), seen.times_in(model.state, kind)
    return max(1, sum(weight * _UNSEEN // (1 + each) for each in times))


def _filled(step: AnyStep, drawer: Drawer, names: Sequence[str], before: Sequence[AnyStep]) -> AnyStep:
    """A step of this kind with all that it leaves open drawn; `before`: the steps so far."""
    match step, before[-1:]:
        case Wait(), [CreateRuns(of=of)]:  # another deployment may have nothing due, and the wait would be in vain
            return replace(step, of=of)
    match step:
        case OpenDoor() | Wait():
            return replace(step, of=drawer.one_of(names))
        case MoveClock():
            return replace(step, minutes=drawer.one_of(_MINUTES))
        case Interrupt():
            return replace(step, seconds=drawer.one_of(_SECONDS))
        case CreateRuns():
            return replace(step, number=drawer.one_of(_RUNS), of=drawer.one_of(names))
    return step


def draw_several(
    seed: int, plans: int, steps: int, seen: Coverage | None = None, database: str = SQLITE
) -> list[ChaosPlan]:
    """The first plans of a seed. Each is drawn as if those before it, and what was `seen`, had been executed."""
    known, drawn = seen or Coverage(), list[ChaosPlan]()
    for number in range(1, plans + 1):
        drawn.append(draw(seed, number, steps, known, database))
        known = known.also([step.kind for step in drawn[-1].steps], places_of(drawn[-1]))
    return drawn
