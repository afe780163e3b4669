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
from harness.checkers.survival import outcome_of_the_rest
from harness.history import moment, of_kind
from harness.known import KnownTick
from harness.words.events import DoorClosed, DoorOpens, Event, Look
from harness.words.facts import Answer, FlowRun
from harness.words.names import AFTER, BEFORE, DRAINED, SIDES, WAITS

(_TREATED, _TWIN), _PENDING = SIDES, "PENDING"


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
class Taken:
    """A run of the treated deployment that waited as a door was opened, and that it took.

    by_hand  a person created it, so that nobody makes it again
    """

    run: str
    tick: datetime
    by_hand: bool = False


@dataclass(frozen=True)
class AtDoor:
    """What became of the treated deployment's runs and ticks around a door; without `opened` nothing of it is known.

    taken          the runs that it took, of those that were due as it was answered or that a person had created
    rest           what the runs at risk came to that are not gone, where it took some
    there          those that had a run just after it
    before, after  the ids of the schedules
    """

    opened: datetime | None = None
    answered: datetime | None = None
    taken: frozenset[Taken] = frozenset()
    rest: str = ""
    there: frozenset[datetime] = frozenset()
    made: Sequence[Made] = field(default_factory=list)
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()

    @property
    def ticks_taken(self) -> frozenset[datetime]:
        """The ticks whose run it took."""
        return frozenset(one.tick for one in self.taken if not one.by_hand)  # rule: plan-ticks-not-by-hand (always)

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
    taken = taken_by(events)
    rest = outcome_of_the_rest(events) if taken else ""
    if not opens or not closes or not opens[-1].at:
        return AtDoor(taken=taken, rest=rest)
    schedules = {
        when: frozenset(str(one.id) for one in found[_TREATED].schedules) if _TREATED in found else frozenset()
        for when in ("before", "after")
        for found in [deployments_at(events, when)]
    }
    return AtDoor(
        opened=moment(opens[-1].at),
        answered=moment(closes[-1].answered_at or closes[-1].at),
        taken=taken,
        rest=rest,
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


def taken_by(events: Sequence[Event]) -> frozenset[Taken]:
    """The treated runs that waited as a door was opened, and that it took by both sources.

    One that was not due yet as the door was answered counts if a person had created it: the scheduler makes its own
    again. Nothing where the twin answers for none of its runs then, or one of its own is gone so, too.
    """
    answered = next((moment(door.answered_at) for door in of_kind(events, DoorClosed) if door.answered_at), None)
    after = listed_at(events, AFTER)
    looks = [look for look in of_kind(events, Look) if look.when == AFTER][-1:]
    answers: dict[str, list[Answer]] = {}
    for each in (answer for look in looks for answer in look.answers):
        answers.setdefault(each.run, []).append(each)
    gone: dict[str, set[Taken]] = {side: set() for side in SIDES}
    for run, was in listed_at(events, BEFORE).items():
        # rule: plan-taken-waited (without last)
        waited = was.side and was.expected_start_time and was.state_type in WAITS
        # rule: plan-taken-by-the-listing (without first), plan-taken-by-both-sources (without last)
        is_gone = run not in after and is_gone_for_good(answers.get(run, []))
        if answered and waited and is_gone:
            tick, by_hand = moment(was.expected_start_time or ""), not was.auto_scheduled
            if tick <= answered or by_hand:  # rule: plan-taken-was-due (always), plan-taken-by-hand (without last)
                gone[str(was.side)].add(Taken(run, tick, by_hand))
    answers_still = any(one.side == _TWIN and one.status == 200 for found in answers.values() for one in found)
    # rule: plan-taken-while-the-twin-answers (without first), plan-taken-not-of-the-twin (without last)
    is_a_control = answers_still and not gone[_TWIN]
    return frozenset(gone[_TREATED]) if is_a_control else frozenset()
