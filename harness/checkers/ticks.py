"""Whether each tick of each schedule has exactly one flow run.

A tick is a time that a schedule itself names (`_oracle.py`), from the first that has a run before the door up to the
last observation. What was due when the door was answered is due by the schedules as they were before it, and what comes
later by the schedules as they were after it; a schedule that is not active, or whose deployment is paused, makes none.
A deploy of the file as it was asks for no other ticks: what its schedules named before it stays due. Counted is every
run of the deployment that the scheduler made, whatever its state.

Two schedules of a deployment that meet at one time are owed two runs, if the server tells the runs of schedules apart;
a server that does not (before 3.2.2) makes one run for a time. The runs say which it is, by their idempotency keys. Two
schedules that give their runs different parameters are owed two runs by any server: one run cannot do for both.

A trial that is judged by its ticks, and whose schedules have a last one, is held to more: every tick that was named
before the door is due, lay ahead of the door, and has a run that completed and was executed once, by the mark of its
flow.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.checkers._check import Check
from harness.checkers._executions import executed_between
from harness.checkers._oracle import first_tick, ticks_between
from harness.checkers._promise import Seen, promised
from harness.checkers._runs import has_completed, states_read
from harness.checkers._schedules import schedule_of, without_its_start
from harness.history import moment, of_kind, opening_of
from harness.words.events import DeploymentRead, DoorClosed, DoorOpens, Event, Listing
from harness.words.facts import Deployment, FlowRun, Schedule, Values
from harness.words.names import BEFORE, DRAINED, SIDES
from harness.words.promises import Breach
from harness.words.proof import REDEPLOY, Proof

PROMISE = (
    "Each tick of a schedule has exactly one run in the end; one that is not due yet may be deleted and made again."
)
JUDGES = True
KEPT, BREAKS = WHOLE, (MISSING, DUPLICATE) = "whole", ("missing", "duplicate")
_NAME = "ticks"  # as scenarios name it that are judged by it
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OF_ITS_SCHEDULE = re.compile(rf"scheduled {_ID} {_ID} ")  # an idempotency key with the ids of deployment and schedule
Owed = dict[datetime, list[str | None]]  # by the tick: the id of each schedule that it is owed a run by


@dataclass(frozen=True)
class Ticks:
    """The treated deployment's ticks, where there is a verdict on them.

    expected            how many runs the schedules ask for up to the last observation
    missing, duplicate  the ticks (UTC, ISO 8601) that lack a run, as often as they lack one; and those that have too
                        many
    """

    expected: int = 0
    missing: tuple[str, ...] = ()
    duplicate: tuple[str, ...] = ()

    @property
    def breaches(self) -> list[tuple[str, str]]:
        """What a tick has, and which tick, of each that is not whole."""
        told = (("no run", self.missing), ("several runs", self.duplicate))
        return [(f"a tick has {what}", at) for what, ticks in told for at in ticks]


def check(events: Sequence[Event]) -> Check:
    """Whether they are whole; `found` is the Ticks."""
    return promised(events, look)


def look(events: Sequence[Event]) -> Seen | None:
    """What the history shows of both sides' ticks; None where the treated was due none by a schedule of its own."""
    listings = [listing for listing in of_kind(events, Listing) if listing.when == DRAINED]
    earlier = [listing for listing in of_kind(events, Listing) if listing.when == BEFORE]
    answers = [door.answered_at for door in of_kind(events, DoorClosed) if door.answered_at]
    if not listings or not earlier or not answers:
        return Seen(doubt="the history lacks a listing, or when the door was answered")
    answered, last = moment(answers[-1]), moment(listings[-1].at)
    opening = opening_of(events)
    upcoming = opening is not None and opening.judged_by == _NAME and _ends(events)
    redeployed = any(
        isinstance(opens.proof, Proof) and opens.proof.by == REDEPLOY for opens in of_kind(events, DoorOpens)
    )
    states, executed = states_read(events, DRAINED), executed_between(events, BEFORE, DRAINED)
    apart = _tells_schedules_apart([*earlier[0].runs, *listings[-1].runs])
    found: dict[str, Ticks] = {}
    for side in SIDES:
        # rule: tick-due-until-the-door
        before, after = (_deployment(events, side, when) for when in ("before", "after"))
        if before is None or after is None:
            return Seen(doubt=f"the {side} deployment was not read before and after the door")
        listed = {_tick(run) for run in _made(earlier[0], side)}
        named = _owed(before, min(listed, default=answered), last, apart)
        seen = listed & named.keys()  # rule: tick-first-is-named (without last)
        first = min(seen, default=answered)
        due = {tick: owed for tick, owed in named.items() if first <= tick}
        # rule: tick-stays-through-a-redeploy (never)
        due = due if redeployed else _changed_at(due, answered, _owed(after, answered, last, apart))
        if upcoming:
            if too_late := [tick for tick in named if tick <= answered]:  # rule: upcoming-lay-ahead
                text = f"{len(too_late)} ticks of the {side} deployment were past when the door was answered"
                return Seen(doubt=text)
            added = {tick: owed for tick, owed in due.items() if tick in named and len(owed) > len(named[tick])}
            due = named  # rule: upcoming-ended-schedule (skip)
            due |= added  # rule: upcoming-added-schedule
        made: dict[datetime, list[FlowRun]] = {}
        ran, again = set(), Counter[datetime]()
        for run in _made(listings[-1], side):
            tick, times_executed = _tick(run), len((executed or {}).get(run.run, ()))
            made.setdefault(tick, []).append(run)
            # rule: tick-ran-if-completed, tick-executed (without last)
            completed = has_completed(run, states.get(run.run)) and (executed is None or times_executed > 0)
            if not upcoming or completed:  # rule: upcoming-completed (always)
                ran.add(run.run)
            if upcoming and times_executed > 1:  # rule: tick-executed-once
                again[tick] += times_executed - 1
        lacking = {tick: _lacking(owed, made.get(tick, ()), ran) for tick, owed in due.items()}
        # rule: tick-missing (gives [])
        without = [tick.isoformat() for tick in sorted(due) for _ in range(lacking[tick])]
        ahead = _owed(after, answered, max(made, default=last), apart)
        wanted = {**ahead, **due}  # rule: tick-owed-ahead (without first)
        duplicate = [
            tick.isoformat()
            for tick in sorted(made)
            if _too_many(wanted.get(tick, ()), made[tick], again[tick])  # rule: tick-duplicate (never)
        ]
        found[side] = Ticks(sum(map(len, due.values())), tuple(without), tuple(duplicate))
    treated, twin, doubt = found["treated"], found["twin"], ""
    nothing_was_due = not treated.expected and not treated.breaches and not twin.breaches
    if nothing_was_due and _differ(events):  # rule: tick-nothing-due-of-another-schedule (never)
        return None
    if upcoming and opening and twin.expected < (opening.ticks or 0):  # rule: upcoming-twin-was-due
        doubt = f"only {twin.expected} ticks of the twin were due before the last observation"
    # rule: tick-nothing-was-due (never)
    if (
        not treated.expected
        and not treated.duplicate
        and twin.expected
        and _ticks_on(_deployment(events, "treated", "after"))
    ):
        doubt = f"no tick of the treated deployment was due, and {twin.expected} of the twin were"
    counted = f"{len(treated.missing)} have no run and {len(treated.duplicate)} have several"
    told = f"of {treated.expected} ticks {counted}"
    return Seen(
        held=told,
        broken=told,
        breaches=[Breach(side=side, what=what, at=at) for side in SIDES for what, at in found[side].breaches],
        doubt=doubt,
        kept=WHOLE,
        breaks=MISSING if treated.missing else DUPLICATE,
        found=treated,
    )


def _differ(events: Sequence[Event]) -> bool:
    """Whether the sides had other schedules than each other before the door. Then what one is due, the other is not.

    When a schedule begins makes no such difference: a deploy may fill that in.
    """
    sides = [_deployment(events, side, "before") for side in SIDES]
    # rule: tick-same-schedules (gives True)
    told = [sorted(str(without_its_start(entry.schedule)) for entry in one.schedules) for one in sides if one]
    return told[0] != told[-1]


def _changed_at(before: Owed, answered: datetime, after: Owed) -> Owed:
    """What is due of schedules that a door, answered then, may have changed."""
    due = {tick: owed for tick, owed in before.items() if tick <= answered}
    return {**due, **{tick: owed for tick, owed in after.items() if tick > answered}}


def _ticks_on(deployment: Deployment | None) -> bool:
    """Whether a deployment makes runs still."""
    return bool(deployment and not deployment.paused and any(entry.active for entry in deployment.schedules))


def _lacking(owed: Sequence[str | None], runs: Sequence[FlowRun], ran: Collection[str]) -> int:
    """How many of the schedules that a tick is owed a run by have none that ran (`ran`: the ids of those that did).

    A run is its own schedule's. One of no schedule that the tick is owed a run by is for whichever lacks one: a server
    of old does not say whose it is, and a deploy may have made the schedule anew, under another id.
    """
    happened = [run for run in runs if run.run in ran]
    whose = {schedule_of(run) for run in happened if schedule_of(run)}  # rule: tick-own-schedule (never)
    unmet = [schedule for schedule in owed if schedule not in whose]
    # rule: tick-of-another-schedule (always)
    free = {schedule_of(run) or run.run for run in happened if schedule_of(run) not in owed}
    return max(0, len(unmet) - len(free))


def _too_many(owed: Sequence[str | None], runs: Sequence[FlowRun], again: int) -> bool:
    """Whether a tick has more runs than it is owed (one, if it is owed none), or a schedule of it has several.

    `again`: how often a run of it was executed once more.
    """
    whose = Counter(filter(None, map(schedule_of, runs)))
    if any(number > 1 for number in whose.values()):  # rule: tick-twice-by-one-schedule
        return True
    most = len(owed) or 1  # rule: tick-owed-to-each-schedule (without first)
    return len(runs) + again > most


def _tells_schedules_apart(runs: Iterable[FlowRun]) -> bool:
    """Whether the server keeps the runs of a deployment's schedules apart, by the keys that it gives them."""
    return any(_OF_ITS_SCHEDULE.match(run.idempotency_key or "") for run in runs)


def _ends(events: Sequence[Event]) -> bool:
    """Whether the schedules had a last tick before the door: those of one that goes on are never all ahead of it."""
    treated = _deployment(events, "treated", "before")
    active = [entry for entry in treated.schedules if entry.active] if treated else []
    return all(first_tick(entry.schedule) for entry in active)  # rule: upcoming-has-an-end (gives True)


def _tick(run: FlowRun) -> datetime:
    """The tick that a run is of. Raises: ValueError where the server named none."""
    return moment(run.expected_start_time or "")


def _made(listing: Listing, side: str) -> list[FlowRun]:
    """A side's runs that the scheduler made, each once, however often a listing has it."""
    # rule: tick-not-by-hand (without last), tick-row-twice
    return list({run.run: run for run in listing.runs if run.side == side and run.auto_scheduled}.values())


def _deployment(events: Sequence[Event], side: str, when: str) -> Deployment | None:
    seen = [e.deployment for e in of_kind(events, DeploymentRead) if (e.side, e.when) == (side, when)]
    return seen[-1] if seen else None


def _owed(deployment: Deployment, since: datetime, last: datetime, apart: bool) -> Owed:
    """Every tick of a deployment's schedules from `since` up to `last` (UTC), with the schedules that name it.

    One that names a number of ticks and its own beginning is asked for all of them. Where the server does not keep
    schedules `apart`, a tick is owed one run by all schedules of the same parameters.
    """
    owed: Owed = {}
    told: dict[datetime, list[Values]] = {}
    if deployment.paused or deployment.deleted:
        return owed
    for entry in deployment.schedules:
        says = entry.parameters or {}
        for tick in _ticks(entry, since, last) if entry.active else ():
            # rule: tick-one-run-of-old (always), tick-other-parameters (without last)
            if apart or tick not in owed or says not in told[tick]:
                owed.setdefault(tick, []).append(entry.id if apart else None)
            told.setdefault(tick, []).append(says)
    return owed


def _ticks(entry: Schedule, since: datetime, last: datetime) -> list[datetime]:
    begins = first_tick(entry.schedule)
    return ticks_between(entry.schedule, begins or since, last)
