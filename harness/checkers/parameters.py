"""Whether each run that the scheduler made has the parameters of its schedule, over those of its deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.checkers._check import Check
from harness.checkers._promise import Seen, promised
from harness.checkers._runs import listed_at
from harness.checkers._schedules import deployments_at, schedule_of
from harness.history import moment, of_kind
from harness.words.events import Clock, DoorClosed, Event
from harness.words.facts import Deployment, FlowRun, Values
from harness.words.names import AFTER, BEFORE, DRAINED
from harness.words.promises import Breach

PROMISE = "Each run that the scheduler made has the parameters of its schedule, over those of its deployment."


def check(events: Sequence[Event]) -> Check:
    """Broken by a run that has others than its deployment and schedule named when the server made it."""
    return promised(events, _look)


def _look(events: Sequence[Event]) -> Seen | None:
    read = {when: deployments_at(events, when) for when in ("before", "after")}
    opened = next((clock.server for clock in of_kind(events, Clock)), None)
    answered = next((door.answered_at for door in of_kind(events, DoorClosed) if door.answered_at), None)
    looked_at: set[str] = set()
    breaches: dict[str, Breach] = {}
    for when in (BEFORE, AFTER, DRAINED):
        for run in listed_at(events, when).values():
            if not _is_told(run):
                continue
            named = [
                each
                for of in _made(run, opened, answered)
                if (deployment := read[of].get(str(run.side)))
                for each in _named(run, deployment)
            ]
            if not named:
                continue
            looked_at.add(run.run)
            if run.parameters not in named and run.run not in breaches:
                what = f"has the parameters {run.parameters!r} {when}, and its schedule names {named[0]!r}"
                at = run.expected_start_time or ""
                breaches[run.run] = Breach(side=str(run.side), run=run.run, what=what, at=at)
    if not looked_at:
        return None
    held = f"each of {len(looked_at)} runs that the scheduler made has the parameters of its schedule"
    return Seen(held=held, breaches=[*breaches.values()])


def _is_told(run: FlowRun) -> bool:
    """Whether a history says what it takes; before `created` was recorded, parameters of schedules were not, either."""
    # rule: parameters-of-the-scheduler (without first), parameters-not-of-old-histories (without last)
    return bool(run.auto_scheduled and run.parameters is not None and run.created)


def _made(run: FlowRun, opened: str | None, answered: str | None) -> Sequence[str]:
    """By which readings of its deployment a run may have been made; both times are the server's."""
    made = moment(run.created or "")
    if opened and made < moment(opened):  # rule: parameters-made-before
        return ["before"]
    if answered and made > moment(answered):  # rule: parameters-made-after
        return ["after"]
    return ["before", "after"]


def _named(run: FlowRun, deployment: Deployment) -> Iterator[Values]:
    """The parameters that a deployment names for a run, by its schedule; of one that is not told, by any."""
    if deployment.deleted or deployment.parameters is None:
        return
    mine = schedule_of(run)
    for schedule in deployment.schedules:
        if not mine or schedule.id == mine:  # rule: parameters-of-its-schedule (always)
            of_schedule: Mapping[str, object] = schedule.parameters or {}
            yield {**deployment.parameters, **of_schedule}  # rule: parameters-schedule-over-deployment (without last)
