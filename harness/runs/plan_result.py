"""What a plan of chaos came to, by the histories of its doors alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.chaos.model import places_of
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import DoorResult, PlanResult
from harness.doors import load_doors
from harness.store.campaigns import PLANS, plan_file
from harness.store.trial_folder import read_trial
from harness.trials.planned import Carried
from harness.verdict.outcomes import judge
from harness.verdict.plans import Opened, promises_of, taken_by, worst_of


@dataclass(frozen=True)
class Tried:
    """A door of a plan that was opened, by its name, and the folder of its history."""

    door: str
    folder: Path


def plan_result(
    plan: ChaosPlan, place: int, carried: Carried, tried: Mapping[tuple[int, str], Tried], version: str
) -> PlanResult:
    """What a plan came to on a release; `tried` by step and deployment. What it took (seconds) is not said."""
    opened, verdicts = list[Opened](), []
    for (_, of), one in tried.items():
        events = read_trial(one.folder / "history.jsonl")
        verdicts.append(judge(events))
        opened.append(Opened(one.door, load_doors()[one.door].family, of, verdicts[-1], taken_by(events)))
    shown = promises_of(opened, version)
    doors = [
        DoorResult(
            step=step,
            deployment=of,
            door=one.door,
            outcome=verdict.outcome,
            reason=verdict.reason,
            folder=f"{PLANS}/plan-{place}/trials/{one.folder.name}",
            promises=promises,
        )
        for ((step, of), one), verdict, promises in zip(tried.items(), verdicts, shown, strict=True)
    ]
    places = places_of(plan)
    return PlanResult(
        file=plan_file(place),
        seed=plan.seed,
        number=plan.number,
        steps=[str(step) for step in plan.steps],
        executed=[plan.steps[number - 1].kind for number in carried.done],
        places=[places[number - 1] for number in carried.done],
        in_vain=carried.in_vain,
        promises=worst_of(shown),
        doors=doors,
        seconds=0.0,
        cpu_seconds=0.0,
    )
