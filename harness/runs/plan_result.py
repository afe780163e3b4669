"""What a plan of chaos came to, by the histories of its doors alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.chaos.model import places_of
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import CampaignResult, DoorResult, PlanResult
from harness.doors import load_doors
from harness.evidence import JudgedDoor
from harness.history import of_kind
from harness.store.campaigns import PLANS, plan_file
from harness.store.trial_folder import planned, read_trial
from harness.trials.planned import Carried, doors_of
from harness.verdict.outcomes import ERROR, Verdict, judge
from harness.verdict.plans import Opened, promises_of, worst_of
from harness.verdict.ticks_at_doors import AtDoor, at_door
from harness.words.events import Act, Event, Note, Phase, Version
from harness.words.names import SERVER, WARP
from harness.words.plan import ground

_STEP = re.compile(r"step (?P<number>\d+): (?P<what>.*)", re.DOTALL)
_IN_VAIN = re.compile(r"step (?P<number>\d+): not within ")


@dataclass(frozen=True)
class Tried:
    """A door of a plan that was opened, by its name, and the folder of its history."""

    door: str
    folder: Path


def _judged(events: Sequence[Event]) -> tuple[Verdict, AtDoor]:
    """The verdict on a door, and what it did to ticks; an error where the history holds what cannot be read."""
    try:
        return judge(events), at_door(events)
    except ValueError as error:  # rule: plan-unreadable-time-is-an-error
        return Verdict(ERROR, f"the history could not be judged: {error}"), AtDoor()


def judge_doors(place: int, tried: Mapping[tuple[int, str], Tried], version: str) -> list[JudgedDoor]:
    """What the doors of a plan came to on a release; `tried` by step and deployment."""
    told = {where: read_trial(one.folder / "history.jsonl") for where, one in tried.items()}
    judged = {where: _judged(events) for where, events in told.items()}
    verdicts = {where: verdict for where, (verdict, _) in judged.items()}
    opened = [Opened(one.door, load_doors()[one.door].family, where[1], *judged[where]) for where, one in tried.items()]
    shown = promises_of(opened, version)
    return [
        JudgedDoor(
            DoorResult(
                step=where[0],
                deployment=where[1],
                door=one.door,
                outcome=verdicts[where].outcome,
                reason=verdicts[where].reason,
                folder=f"{PLANS}/plan-{place}/trials/{one.folder.name}",
                promises=promises,
            ),
            verdicts[where],
            told[where],
        )
        for (where, one), promises in zip(tried.items(), shown, strict=True)
    ]


def plan_result(plan: ChaosPlan, place: int, carried: Carried, doors: Sequence[JudgedDoor]) -> PlanResult:
    """What a plan came to by its doors. What it took (seconds) is not said."""
    places = places_of(plan)
    return PlanResult(
        file=plan_file(place),
        seed=plan.seed,
        number=plan.number,
        steps=[str(step) for step in plan.steps],
        executed=[plan.steps[number - 1].kind for number in carried.done],
        places=[places[number - 1] for number in carried.done],
        in_vain=carried.in_vain,
        promises=worst_of([door.result.promises for door in doors]),
        doors=[door.result for door in doors],
        seconds=0.0,
        cpu_seconds=0.0,
    )


@dataclass(frozen=True)
class Again:
    """A plan judged again from its folder.

    executed   what kinds of steps may have been executed: how far the last one came is not always told
    doors      judged again, and `problems`: what is wrong with their histories, a phrase each
    """

    result: PlanResult
    executed: Sequence[Sequence[str]]
    doors: Sequence[JudgedDoor]
    problems: Sequence[str] = field(default_factory=list)


def trial_name(name: str, step: int, deployment: str) -> str:
    """How the trial of a door of a plan is called where others have a scenario's name."""
    return f"{name}--{deployment}--step-{step}"


def plan_again(plan: ChaosPlan, place: int, folder: Path, of: CampaignResult) -> Again:
    """What a plan of a campaign came to by what lies in its folder."""
    on = ground(of.subject, of.engine, of.database, WARP)
    named = {(step, at): (trial_name(f"plan-{place}", step, at), door) for step, at, door in doors_of(plan)}
    tried = {where: Tried(door, folder / "trials" / f"{name}--{door}--{on}") for where, (name, door) in named.items()}
    doors = judge_doors(place, tried, of.version)
    problems = []
    for (where, one), door in zip(tried.items(), doors, strict=True):
        problems += [f"{one.folder.name}: {said}" for said in _wrong(door.events, one, named[where][0], of)]
    there = set((folder / "trials").glob("*"))
    # rule: recheck-campaign-added-trial (skip)
    problems += [
        f"{path.name} is of no door of the plan" for path in sorted(there - {one.folder for one in tried.values()})
    ]
    begun, is_through = 0, False
    for events in (door.events for door in doors):
        told = [(int(found["number"]), found["what"]) for found in _matches(_STEP, of_kind(events, Act))]
        if told != [(number, str(step)) for number, step in enumerate(plan.steps, start=1)][: len(told)]:
            problems.append("its histories tell of another plan")  # rule: recheck-campaign-other-plan (skip)
        begun = max(begun, len(told))
        is_through = is_through or any(phase.phase == "drain" for phase in of_kind(events, Phase))
    in_vain = {int(found["number"]) for door in doors for found in _matches(_IN_VAIN, of_kind(events, Note))}
    carried = Carried(list(range(1, begun + 1)), sorted(number for number in in_vain if number <= begun))
    result = plan_result(plan, place, carried, doors)
    kinds = list(result.executed)
    return Again(result, [kinds] if is_through else [kinds, kinds[:-1]], doors, problems)


def _matches(pattern: re.Pattern[str], events: Sequence[Act] | Sequence[Note]) -> Iterator[re.Match[str]]:
    for event in events:
        if found := pattern.match(event.what if isinstance(event, Act) else event.text):
            yield found


def _wrong(events: Sequence[Event], tried: Tried, name: str, of: CampaignResult) -> Iterator[str]:
    """What is wrong with the history of a door, by what its campaign was to be."""
    cell = planned(list(events))
    if not (tried.folder / "history.jsonl").exists():
        yield "its history is gone"  # rule: recheck-campaign-history-gone (skip)
    elif not cell:
        yield "its history does not say what was planned"
    else:
        then = (cell.scenario, cell.door, cell.subject, cell.version, cell.engine, cell.database, cell.as_of)
        now = (name, tried.door, of.subject, of.version, of.engine, of.database, of.as_of)
        if then != now or dict(cell.versions) != of.versions:  # rule: recheck-campaign-other-trial
            yield "its history is of another trial"
        said = {event.said for event in of_kind(events, Version) if event.role == SERVER}
        if said - {of.version}:  # rule: recheck-campaign-version
            yield f"its server said that it is {', '.join(sorted(said))}"
