"""A plan of chaos as a story: the runs of all its deployments, and each step along the time, from its doors' histories.

Pure, as the story of a trial is. A move of the lab's clock takes no time here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from harness.chaos.results import BROKEN
from harness.checkers._runs import listed_at
from harness.evidence._writer import JudgedDoor, JudgedPlan
from harness.evidence.story import Row, Span, Story, fold, tell, without_moves
from harness.history import moment, of_kind
from harness.words.events import Act, DoorClosed, Event, Phase
from harness.words.names import AFTER, BEFORE

LOST, REMOVED = "lost", "removed before it was due"
TWIN, DRAIN = "twin", "drain"
_STEP = re.compile(r"step (?P<number>\d+): ")
_HURT, _LIFT, _INTERRUPT = "hurt: ", "lift: ", "interrupt "
_KINDS = {"open": "door", "hurt": "fault", "lift": "fault", "interrupt": "fault"}


@dataclass(frozen=True)
class StepSpan:
    """A step that was begun: its number, what it does in words, and from when to when.

    kind    `door`, `fault` or `other`
    broken  the promises that this door broke
    """

    number: int
    says: str
    kind: str
    span: Span
    broken: Sequence[str] = ()


@dataclass(frozen=True)
class PlanStory:
    """A story, each of whose sides is a deployment by its name, or the twin; and the steps of its plan."""

    story: Story
    steps: Sequence[StepSpan]


def tell_plan(judged: JudgedPlan) -> PlanStory | None:
    """The story of a plan, without the runs that were still to come in the end; None if no flow run was ever seen."""
    told = [(door, story) for door in judged.doors if (story := tell(door.events, door.verdict))]
    if not told:
        return None
    rows: dict[tuple[str, str], Row] = {}
    for door, story in told:
        removed = removed_by(door)
        for row in story.rows:
            side = TWIN if row.side == TWIN else door.result.deployment
            mine = _cut(row, removed.get(row.run), without_moves(door.events), end=story.end)
            rows[side, row.run] = _better(mine, rows.get((side, row.run), mine))
    named = {one.name: f"{one.name}: {one.schedule}" for one in judged.plan.deployments}
    order = [*named, TWIN]
    named[TWIN] = "the twin, never updated"
    last = max(moment(door.events[-1].at) for door, _ in told)
    seen = [(side, row) for (side, _), row in rows.items() if not row.tick or row.tick <= last]
    seen.sort(key=lambda one: (order.index(one[0]), one[1].tick or last, one[1].run))
    shown = [replace(row, side=named[side]) for side, row in seen]
    steps = _steps(judged, max((door.events for door, _ in told), key=len))
    starts = [*(segment.start for row in shown for segment in row.segments), *(step.span.start for step in steps)]
    end = max(story.end for _, story in told)
    moves = max((story.moves for _, story in told), key=len)
    story = Story(min(starts, default=end), end, tuple(fold(shown)), tuple(_faults(steps)), (), (), moves)
    return PlanStory(story, steps)


def removed_by(door: JudgedDoor) -> dict[str, tuple[datetime, bool]]:
    """The runs that were listed just before a door and not after it: when at the latest, and whether they were due."""
    closed = of_kind(door.events, DoorClosed)
    after = listed_at(door.events, AFTER)
    if not closed or not closed[-1].answered_at or not after:
        return {}
    answered = moment(closed[-1].answered_at)
    return {
        run: (moment(closed[-1].at), moment(was.expected_start_time) <= answered)
        for run, was in listed_at(door.events, BEFORE).items()
        if run not in after and was.expected_start_time
    }


def _cut(
    row: Row, removed: tuple[datetime, bool] | None, shown: Callable[[datetime], datetime], *, end: datetime
) -> Row:
    """A row that ends where the door removed its run; one that was due is lost."""
    if not removed or row.fate == LOST:
        return row
    at = min(shown(removed[0]), end)
    kept = [replace(one, end=min(one.end, at)) for one in row.segments if one.start <= at]
    return replace(row, segments=tuple(kept), fate=LOST if removed[1] else REMOVED)


def _better(one: Row, other: Row) -> Row:
    """Of two views of a run the one that says more: that it was removed, the earliest; else that with more states."""
    gone = [row for row in (one, other) if row.fate in (LOST, REMOVED)]
    if gone:
        return min(gone, key=lambda row: [segment.end for segment in row.segments[-1:]])
    return max(one, other, key=lambda row: (len(row.segments), bool(row.fate)))


def _steps(judged: JudgedPlan, events: Sequence[Event]) -> list[StepSpan]:
    """Each step that was begun, up to the next one, or to the drain."""
    shown = without_moves(events)
    begun = [(int(found["number"]), moment(act.at)) for act in of_kind(events, Act) if (found := _STEP.match(act.what))]
    drain = [moment(phase.at) for phase in of_kind(events, Phase) if phase.phase == DRAIN] or [moment(events[-1].at)]
    ends = [*(at for _, at in begun[1:]), drain[0]]
    broken: dict[int, list[str]] = {}
    for door in judged.doors:
        broken.setdefault(door.result.step, []).extend(_broken(door))
    return [
        StepSpan(
            number,
            str(judged.plan.steps[number - 1]),
            _KINDS.get(judged.plan.steps[number - 1].kind.partition(" ")[0], "other"),
            Span(str(number), shown(start), shown(end)),
            tuple(dict.fromkeys(broken.get(number, []))),
        )
        for (number, start), end in zip(begun, ends, strict=True)
    ]


def _broken(door: JudgedDoor) -> list[str]:
    return [name for name, promise in door.result.promises.items() if promise.came_to == BROKEN]


def _faults(steps: Sequence[StepSpan]) -> list[Span]:
    """Each fault, from the step that begins it to the one that lifts it, or to the drain; and each interruption."""
    found: list[Span] = []
    for step in steps:
        if step.says.startswith(_INTERRUPT):
            found.append(Span(step.says.partition(": ")[2], step.span.start, step.span.end))
        if step.says.startswith(_HURT):
            later = [one for one in steps if one.number > step.number]
            lifted = [one.span.end for one in later if one.says.startswith(_LIFT)][:1]
            found.append(Span(step.says.removeprefix(_HURT), step.span.start, (lifted or [steps[-1].span.end])[0]))
    return found
