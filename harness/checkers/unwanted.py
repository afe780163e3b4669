"""Whether a schedule that is switched off, removed or emptied, or of a paused deployment, still makes or has runs.

What was overdue when the door was answered is a run that should already have happened, and is not looked at here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from harness.checkers._check import Check
from harness.checkers._promise import Seen, promised
from harness.checkers._runs import listed_at, states_read
from harness.checkers._schedules import deployments_at, same_schedule, schedule_of
from harness.history import moment, of_kind
from harness.words.events import DoorClosed, DoorOpens, Event
from harness.words.facts import Deployment, FlowRun, RunState, Schedule
from harness.words.names import AFTER, BEFORE, DRAINED, PICKED_UP
from harness.words.promises import Breach
from harness.words.proof import Proof

PROMISE = "A schedule that is switched off, removed or emptied, or of a paused deployment, has no run to come."
_TREATED = "treated"


def check(events: Sequence[Event]) -> Check:
    """Broken by a run of the scheduler's that lay ahead of the door, and that no schedule is to have any more."""
    return promised(events, _look)


def _look(events: Sequence[Event]) -> Seen | None:
    read = {when: deployments_at(events, when).get(_TREATED) for when in ("before", "between", "after", "drained")}
    answered = next((moment(door.answered_at) for door in of_kind(events, DoorClosed) if door.answered_at), None)
    before, after = read["before"], read["after"]
    if before is None or after is None or after.deleted or answered is None:
        return None
    emptied = _asks_for_none(events)
    wanted = {when: _running(now, read["between"], answered, emptied=emptied) for when, now in read.items() if now}
    stopped = {
        str(schedule.id): why
        for schedule in before.schedules
        if (why := _stopped(schedule, read, wanted, emptied, answered))
    }
    if not stopped:
        return None
    earlier, states = listed_at(events, BEFORE), states_read(events, DRAINED)
    breaches: dict[str, Breach] = {}
    for when, name in ((AFTER, "after"), (DRAINED, "drained")):
        # What the harness itself switched on again as it lifted the fault says nothing of the door.
        # rule: unwanted-while-it-is-off (without last)
        if name not in wanted or [one.id for one in wanted[name]] != [one.id for one in wanted["after"]]:
            continue
        for run in listed_at(events, when).values():
            why = _why(run, stopped, none_wanted=not wanted["after"])
            if why and run.run not in breaches and _lay_ahead(run, answered, earlier.get(run.run), states.get(run.run)):
                how = "was left behind" if run.run in earlier else "was made"
                what = f"{how} for a time after the door, and is {run.state_name} {when}, though {why}"
                breaches[run.run] = Breach(side=_TREATED, run=run.run, what=what, at=run.expected_start_time or "")
    return Seen(held="no run that lay ahead of the door is left, and none was made", breaches=[*breaches.values()])


def _asks_for_none(events: Sequence[Event]) -> bool:
    """Whether whoever opened the door asked for a deployment without schedules."""
    proofs = [opened.proof for opened in of_kind(events, DoorOpens) if isinstance(opened.proof, Proof)]
    asked = [effect for proof in proofs for effect in proof.asks if effect.field == "schedules"]
    return any(effect.how == "becomes" and not effect.value for effect in asked)


def _running(now: Deployment, between: Deployment | None, answered: datetime, *, emptied: bool) -> list[Schedule]:
    """The schedules that are to make runs: those that are on, and that nobody had switched off before the last step."""
    if (
        now.deleted
        or now.paused  # rule: unwanted-paused
        or emptied  # rule: unwanted-emptied
    ):
        return []
    off = [] if between is None else [one for one in between.schedules if between.paused or not one.active]
    return [
        one
        for one in now.schedules
        if one.active
        # rule: unwanted-switched-off-before
        and not any(same_schedule(one, other, answered) for other in off)
    ]


def _stopped(
    was: Schedule,
    read: Mapping[str, Deployment | None],
    wanted: Mapping[str, Sequence[Schedule]],
    emptied: bool,
    answered: datetime,
) -> str:
    """Why a schedule is to make no runs any more, as the end of a sentence; empty where it is to go on."""
    after, between = read["after"], read["between"]
    if not was.active or after is None or any(same_schedule(was, one, answered) for one in wanted["after"]):
        return ""
    if emptied:
        return "the deploy was to leave no schedule"
    if after.paused:
        return "its deployment is paused"
    now = next((one for one in after.schedules if same_schedule(was, one, answered)), None)
    if now is None:
        return "its schedule is gone"
    return "its schedule had been switched off" if now.active and between else "its schedule is switched off"


def _why(run: FlowRun, stopped: Mapping[str, str], *, none_wanted: bool) -> str:
    """Why a run of the scheduler's is not to be; empty where it is, or where nothing says which schedule made it."""
    if run.side != _TREATED or not run.auto_scheduled:  # rule: unwanted-not-by-hand (without last)
        return ""
    if none_wanted:  # rule: unwanted-none-is-to-run
        return next(iter(stopped.values()))
    return stopped.get(schedule_of(run), "")  # rule: unwanted-of-its-schedule (gives "")


def _lay_ahead(run: FlowRun, answered: datetime, listed: FlowRun | None, states: Collection[RunState] | None) -> bool:
    """Whether a run's time had not come as the door was answered, and no worker had picked it up by then."""
    if run.state_type == "CANCELLED" or not run.expected_start_time:
        return False
    if moment(run.expected_start_time) <= answered:  # rule: unwanted-lay-ahead
        return False
    if listed and listed.state_type in PICKED_UP:
        return False
    # rule: unwanted-not-picked-up (gives True)
    return not any(state.type in PICKED_UP and moment(state.timestamp) <= answered for state in states or ())
