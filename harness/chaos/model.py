"""Which steps a plan can have, and in which order: the model that plans are drawn by and checked against.

It is small on purpose. A step is in it only if every promise has a certain meaning with it, at any place in a plan
(docs/explanation/decisions/what-a-plan-may-do.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from harness.chaos.coverage import place
from harness.chaos.plans import (
    CONDITIONS,
    DATABASE_STOPPED,
    DONE,
    DOORS,
    FAULTS,
    FROZEN,
    INTERRUPTIONS,
    LATE,
    NAMES,
    UPCOMING,
    AnyStep,
    ChaosPlan,
    CreateRuns,
    Hurt,
    Interrupt,
    Lift,
    MoveClock,
    OpenDoor,
    PlannedDeployment,
    Wait,
)
from harness.words.errors import UsageError, no_such
from harness.words.names import POSTGRES, SQLITE
from harness.words.schedule_words import parse_schedule

STATES = QUIET, HURT, AT_RISK = ("quiet", "hurt", "overdue")  # what the deployments of a plan are in
MOST_STEPS, MOST_MINUTES, MOST_RUNS, MOST_SECONDS = 40, 45, 5, 15
AT_ONCE = 6  # flow runs that the worker of a plan executes; a limit of as many could not be seen to hold
_OFTEN = 2  # minutes; a schedule that ticks more often makes a backlog that is not drained in a minute
_EVERY = re.compile(r"(?:\*/(?P<step>\d+)|(?P<list>\d+(?:,\d+)*)) \* \* \* \*")


class Model(msgspec.Struct, frozen=True):
    """How a plan stands after some steps.

    hurt  the fault that is under way; empty: none
    due   whether a run may have come due since it began
    """

    hurt: str = ""
    due: bool = False

    @property
    def state(self) -> str:
        """What the deployments are in: `quiet`, `hurt`, or `overdue`, where runs may be at risk."""
        return (AT_RISK if self.due else HURT) if self.hurt else QUIET

    def after(self, step: AnyStep) -> Model:
        """How it stands after one more step, which has to be possible."""
        match step:
            case Hurt(fault=fault):
                return Model(hurt=fault)
            case Lift():
                return Model()
            case MoveClock() | CreateRuns() | Interrupt():  # which creates runs, too
                return Model(hurt=self.hurt, due=True)
        return self

    def objection(self, step: AnyStep) -> str:
        """Why a step is not possible now, with what to do instead, in one sentence; empty where it is."""
        match step:
            case Hurt(fault=fault) if self.hurt:
                return f"{fault} begins while {self.hurt} is under way: lift that before"
            case Lift(fault=fault) if self.hurt != fault:
                return f"{fault} is lifted and is not under way: put `hurt` before it, or leave it out"
            case MoveClock() if self.hurt == FROZEN:
                return f"the clock cannot be moved while {FROZEN} is under way, since a frozen worker cannot follow"
            case Wait(until="late") if not self.hurt:
                return "runs turn late only while a fault is under way: put `hurt` before it"
            case Wait(until="done") if self.hurt:
                return f"no run ends while {self.hurt} is under way: put `lift` before it"
        return ""

    def possible(self, names: Sequence[str], database: str = SQLITE) -> Iterator[AnyStep]:
        """One step of each kind that makes sense now, for the drawing to fill in."""
        of = names[0]
        yield from (OpenDoor(door=door, of=of) for door in DOORS)
        yield from (Hurt(fault=fault) for fault in FAULTS if not self.hurt)  # type: ignore[arg-type]
        if self.hurt:
            yield Lift(fault=self.hurt)  # type: ignore[arg-type]
        if self.hurt != FROZEN:
            yield MoveClock(minutes=1)
        yield CreateRuns(number=1, of=of)
        yield Wait(until=UPCOMING, of=of)  # type: ignore[arg-type]
        if self.hurt and self.due:
            yield Wait(until=LATE, of=of)  # type: ignore[arg-type]
        if not self.hurt:
            yield Wait(until=DONE, of=of)  # type: ignore[arg-type]
        for fault in INTERRUPTIONS:
            if fault != DATABASE_STOPPED or database == POSTGRES:
                yield Interrupt(fault=fault, seconds=0)  # type: ignore[arg-type]


def places_of(plan: ChaosPlan) -> list[str]:
    """Of each step, in which state it is taken, and its kind: `overdue: open prefect-deploy`."""
    model, found = Model(), []
    for step in plan.steps:
        found.append(place(model.state, step.kind))
        model = model.after(step)
    return found


def check_plan(plan: ChaosPlan) -> None:
    """Raises UsageError, in one to three lines, for a plan that cannot be carried out and judged."""
    names = [one.name for one in plan.deployments]
    if not names or names != [name for name in NAMES if name in names]:
        raise UsageError(f"A plan has one to four deployments, named in order {', '.join(NAMES)}, not {names}.")
    for deployment in plan.deployments:
        _check_deployment(deployment)
    if plan.limit is not None and not 1 <= plan.limit < AT_ONCE:
        raise UsageError(
            f"A plan has a concurrency limit of 1 to {AT_ONCE - 1}, not of {plan.limit}: its worker executes "
            f"{AT_ONCE} runs at a time.\nLeave `limit` out for none."
        )
    if len(plan.steps) > MOST_STEPS:
        raise UsageError(f"A plan has at most {MOST_STEPS} steps, and this one has {len(plan.steps)}. Make two of it.")
    model = Model()
    for number, step in enumerate(plan.steps, start=1):
        if why := _of_itself(step, names) or model.objection(step):
            raise UsageError(f"Step {number} cannot be carried out: {why}.")
        model = model.after(step)


def check_database(plan: ChaosPlan, database: str) -> None:
    """Raises: UsageError for a plan with a step that the database cannot take."""
    for number, step in enumerate(plan.steps, start=1):
        if isinstance(step, Interrupt) and step.fault == DATABASE_STOPPED and database != POSTGRES:
            raise UsageError(
                f"Step {number} cannot be carried out: {DATABASE_STOPPED} is for PostgreSQL.\n"
                f"Add --database {POSTGRES}, or leave the step out."
            )


def _of_itself(step: AnyStep, names: Sequence[str]) -> str:
    """Why a step is none, wherever it stands; empty where it is one."""
    if isinstance(step, OpenDoor | CreateRuns | Wait) and step.of not in names:
        return f"there is no deployment {step.of!r}; there are: {', '.join(names)}"
    match step:
        case OpenDoor(door=door) if door not in DOORS:
            return str(no_such("door for a plan", door, DOORS)).rstrip(".")
        case MoveClock(minutes=minutes) if not 1 <= minutes <= MOST_MINUTES:
            return f"the clock is moved by 1 to {MOST_MINUTES} minutes, not by {minutes}"
        case Interrupt(seconds=seconds) if not 0 <= seconds <= MOST_SECONDS:
            return f"the server is interrupted for 0 to {MOST_SECONDS} seconds, not for {seconds}"
        case CreateRuns(number=number) if not 1 <= number <= MOST_RUNS:
            return f"1 to {MOST_RUNS} runs are created, not {number}"
        case Wait(until=until) if until not in CONDITIONS:
            return f"there is no condition {until!r}; there are: {', '.join(CONDITIONS)}"
    return ""


def _check_deployment(deployment: PlannedDeployment) -> None:
    shape = parse_schedule(deployment.schedule)
    said = f"Deployment {deployment.name}"
    plain = shape.active and not shape.parameters and not shape.slug and shape.day_or and shape.timezone in ("", "UTC")
    each = _minutes_between(shape.rule) if shape.kind == "cron" else shape.seconds / 60
    anchored = shape.kind == "interval" and bool(shape.anchor) and not shape.starts_at_first
    if not plain or not (anchored or shape.kind == "cron") or each < _OFTEN:
        raise UsageError(
            f"{said}: a plan has no schedule {deployment.schedule!r}.\nName a cron of minutes or an interval with an "
            f"anchor, in UTC, that ticks every {_OFTEN} minutes or less often:\n"
            "'cron */5 * * * *', 'interval 5m anchor 2026-01-01T00:00:00'"
        )


def _minutes_between(cron: str) -> float:
    """The fewest minutes between two ticks of a cron of minutes; 0 for any other cron."""
    found = _EVERY.fullmatch(cron)
    if not found:
        return 0
    if found["step"]:
        return int(found["step"]) if int(found["step"]) and 60 % int(found["step"]) == 0 else 0
    at = sorted({int(minute) for minute in found["list"].split(",")})
    return min(later - earlier for earlier, later in zip(at, [*at[1:], at[0] + 60], strict=True))
