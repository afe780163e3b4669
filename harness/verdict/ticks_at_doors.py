"""What a door of a plan did to single ticks: what its history shows, and which of it is known from a finding.

An update deletes the coming runs of its deployment, and the scheduler's next pass makes them again. So a tick beside
the door may come off badly in ways that are known (`[[tick]]` in harness/known). Each is told here by what it leaves in
the history; a tick that is anything else is not explained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import permutations

from harness.checkers._runs import is_gone_for_good, listed_at, states_read
from harness.checkers._schedules import deployments_at, schedule_of
from harness.history import moment, of_kind
from harness.known import KnownTick
from harness.words.events import DoorClosed, DoorOpens, Event, Look
from harness.words.facts import Answer, FlowRun
from harness.words.names import AFTER, BEFORE, DRAINED

_TREATED, _PENDING = "treated", "PENDING"


@dataclass(frozen=True)
class Made:
    """A run that the scheduler made for a tick of the treated deployment, as it stood in the end.

    schedule  the id of the schedule that it is of; empty: nothing says so
    pending   when a worker took it first
    """

    tick: datetime
    created: datetime | None
    schedule: str
    pending: datetime | None


@dataclass(frozen=True)
class AtDoor:
    """The ticks of the treated deployment around a door; without `opened` nothing of it is known.

    taken          those whose run waited and was due as the door was answered, and is gone just after it
    there          those that had a run just after it
    before, after  the ids of the schedules
    """

    opened: datetime | None = None
    answered: datetime | None = None
    taken: frozenset[datetime] = frozenset()
    there: frozenset[datetime] = frozenset()
    made: Sequence[Made] = field(default_factory=list)
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()

    def explains(self, tick: datetime, known: KnownTick) -> bool:
        """Whether this door did to a tick what is known."""
        if self.opened is None or self.answered is None or tick <= self.opened:  # rule: tick-beside-after-the-door
            return False
        until = self.answered + timedelta(seconds=known.seconds)
        if known.becomes == "dropped":
            return tick <= until and self._is_dropped(self.opened, tick)  # rule: tick-dropped-soon (without first)
        runs = [run for run in self.made if run.tick == tick]
        if len(runs) != 2:  # rule: tick-twice-is-two
            return False
        return any(self._is_twice(self.opened, until, known, *pair) for pair in permutations(runs))

    def _is_dropped(self, opened: datetime, tick: datetime) -> bool:
        if tick in self.there:  # rule: tick-dropped-had-no-run
            return False
        # The pass that made a later tick's run began before this one, and would have made its run, too.
        passed = [run for run in self.made if run.created and opened < run.created < tick < run.tick]
        return not passed  # rule: tick-dropped-before-a-pass (gives True)

    def _is_twice(self, opened: datetime, until: datetime, known: KnownTick, first: Made, again: Made) -> bool:
        # rule: tick-twice-by-another-schedule (without last)
        anew = again.schedule in self.after and first.schedule not in self.after
        if not anew or not first.schedule or first.created is None:
            return False
        if known.becomes == "raced twice":
            return opened <= first.created <= until  # rule: tick-raced-by-a-pass (gives True)
        # rule: tick-taken-of-its-schedule (gives True)
        own = first.schedule in self.before or first.created >= opened
        # rule: tick-taken-as-it-was-answered (without last)
        taken = first.pending is not None and self.answered is not None and first.pending <= self.answered
        return own and taken and first.tick <= until  # rule: tick-taken-soon (without last)


def at_door(events: Sequence[Event]) -> AtDoor:
    """What the history of a door shows of the ticks around it."""
    opens, closes = of_kind(events, DoorOpens), of_kind(events, DoorClosed)
    if not opens or not closes or not opens[-1].at:
        return AtDoor(taken=taken_by(events))
    schedules = {
        when: frozenset(str(one.id) for one in found[_TREATED].schedules) if _TREATED in found else frozenset()
        for when in ("before", "after")
        for found in [deployments_at(events, when)]
    }
    return AtDoor(
        opened=moment(opens[-1].at),
        answered=moment(closes[-1].answered_at or closes[-1].at),
        taken=taken_by(events),
        there=frozenset(moment(run.expected_start_time or "") for run in _made(listed_at(events, AFTER))),
        made=_made_in_the_end(events),
        before=schedules["before"],
        after=schedules["after"],
    )


def _made(listed: Mapping[str, FlowRun]) -> list[FlowRun]:
    return [run for run in listed.values() if run.side == _TREATED and run.auto_scheduled and run.expected_start_time]


def _made_in_the_end(events: Sequence[Event]) -> list[Made]:
    states = states_read(events, DRAINED)
    found = []
    for run in _made(listed_at(events, DRAINED)):
        taken = [moment(state.timestamp) for state in states.get(run.run, ()) if state.type == _PENDING]
        found.append(
            Made(
                tick=moment(run.expected_start_time or ""),
                created=moment(run.created) if run.created else None,
                schedule=schedule_of(run),
                pending=min(taken, default=None),
            )
        )
    return found


def taken_by(events: Sequence[Event]) -> frozenset[datetime]:
    """The ticks of the treated runs that waited and were due as a door was answered, and that it took, by both sources.

    Nothing where a run of the twin that waited so is gone, too.
    """
    answered = next((moment(door.answered_at) for door in of_kind(events, DoorClosed) if door.answered_at), None)
    after = listed_at(events, AFTER)
    looks = [look for look in of_kind(events, Look) if look.when == AFTER][-1:]
    answers: dict[str, list[Answer]] = {}
    for each in (answer for look in looks for answer in look.answers):
        answers.setdefault(each.run, []).append(each)
    gone: dict[str, set[datetime]] = {"treated": set(), "twin": set()}
    for run, was in listed_at(events, BEFORE).items():
        waited = was.state_type == "SCHEDULED" and was.expected_start_time and was.side
        # rule: plan-taken-by-both-sources (without last)
        if waited and answered and run not in after and is_gone_for_good(answers.get(run, [])):
            tick = moment(was.expected_start_time or "")
            if tick <= answered:  # rule: plan-taken-was-due
                gone[str(was.side)].add(tick)
    return frozenset() if gone["twin"] else frozenset(gone["treated"])  # rule: plan-taken-not-of-the-twin (never)
