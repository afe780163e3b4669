"""The script that takes the steps of a plan with Prefect alone: which plans have one, and its text."""

from __future__ import annotations

from collections.abc import Iterator

from harness.chaos.plans import ChaosPlan, Hurt, Lift, MoveClock, OpenDoor, Wait
from harness.evidence._writer import JudgedDoor, JudgedPlan
from harness.evidence.plan_story import removed_by
from harness.evidence.script import rendered
from harness.verdict.outcomes import LOST

_DOORS = ("prefect-deploy", "patch-deployment", "patch-twice")
_FAULTS = {"worker-killed": ("end_worker()", "start_worker()")}
_MINUTES, _MOST_TICKS = 5, 3  # a tick of most schedules; more ticks show nothing more


def plan_script(plan: ChaosPlan, version: str, day: str) -> str:
    """The script of a plan on a release; empty where it has a limit, or a step that no script takes."""
    lines = list(_lines(plan))
    if None in lines or plan.limit is not None:
        return ""
    names = [*(one.name for one in plan.deployments), "twin"]
    values = {"version": version, "day": day, "names": names, "lines": lines}
    return rendered("reproduce_plan.py.j2", values)


def _lines(plan: ChaosPlan) -> Iterator[str | None]:
    """Each step as a line of the script; None for one that it cannot take."""
    for step in plan.steps:
        match step:
            case OpenDoor(door=door, of=of) if door in _DOORS:
                yield f'update("{of}", "{door}")'
            case Hurt(fault=fault) if fault in _FAULTS:
                yield _FAULTS[fault][0]
            case Lift(fault=fault) if fault in _FAULTS:
                yield _FAULTS[fault][1]
            case MoveClock(minutes=minutes):
                yield f"let_pass({min(_MOST_TICKS, max(1, minutes // _MINUTES))})"
            case Wait():
                yield "let_pass(1)"
            case _:
                yield None


def _can_be_told(judged: JudgedPlan) -> bool:
    """Whether a door of a plan lost runs that were due, on a release that PyPI alone brings."""
    campaign = judged.campaign
    of_pypi = campaign.subject in (campaign.version, "latest") and not campaign.versions
    return of_pypi and any(_lost(door) for door in judged.doors)


def _lost(door: JudgedDoor) -> bool:
    return door.verdict.outcome == LOST or any(was_due for _, was_due in removed_by(door).values())


def script_of(judged: JudgedPlan) -> str:
    """The script of a plan that lost runs that were due; empty of any other."""
    campaign = judged.campaign
    return plan_script(judged.plan, campaign.version, campaign.as_of) if _can_be_told(judged) else ""
