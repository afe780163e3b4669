"""Whether each tick of the schedule has exactly one flow run: a second verdict, beside the trial's.

A tick is a time that the schedule itself names, from the first that has a run before the door up to the last
observation. What was due when the door was answered is due by the schedules as they were before it, and what comes
later by the schedules as they were after it; a schedule that is not active, or whose deployment is paused, makes none.
Counted is every run of the deployment that the scheduler made, whatever its state.

A trial that is judged by its ticks is held to more: every tick that was named before the door is due, lay ahead of the
door, and has a run that completed and was executed once, by the mark of its flow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter
from dateutil.rrule import rrulestr

from harness.checkers._check import Check
from harness.checkers._executions import executed_between
from harness.checkers._runs import has_completed, states_read
from harness.history import moment, of_kind, opening_of
from harness.words.events import DeploymentRead, DoorClosed, Event, Listing, Unreadable
from harness.words.facts import Deployment, FlowRun
from harness.words.names import BEFORE, DRAINED

WHOLE, MISSING, DUPLICATE, INCONCLUSIVE = "whole", "missing", "duplicate", "inconclusive"
_MOST = 100_000  # ticks of one schedule; more are a schedule that nobody stages


@dataclass(frozen=True)
class Ticks:
    """The verdict on one trial's ticks: the treated deployment's, with the twin's beside them.

    expected            how many ticks the schedule names up to the last observation
    missing, duplicate  the treated deployment's ticks (UTC, ISO 8601) that have no run, and those that have several
    """

    outcome: str
    reason: str
    expected: int = 0
    missing: tuple[str, ...] = ()
    duplicate: tuple[str, ...] = ()


def check(events: Sequence[Event]) -> Check:
    """A verdict of its own, which stands beside the trial's and is no part of it: `found` is the Ticks."""
    found = check_ticks(events)
    return Check(reason=found.reason, found=found)


def check_ticks(events: Sequence[Event]) -> Ticks:
    """The verdict; `inconclusive` where the history does not hold what it takes, or the twin's ticks are not whole.

    Never raises: what cannot be read is `inconclusive`.
    """
    try:
        return _check(events)
    except Exception as error:
        return Ticks(INCONCLUSIVE, f"the ticks could not be judged: {type(error).__name__}: {error}")


def _check(events: Sequence[Event]) -> Ticks:
    listings = [listing for listing in of_kind(events, Listing) if listing.when == DRAINED]
    earlier = [listing for listing in of_kind(events, Listing) if listing.when == BEFORE]
    answers = [door.answered_at for door in of_kind(events, DoorClosed) if door.answered_at]
    if unreadable := of_kind(events, Unreadable):
        return Ticks(INCONCLUSIVE, f"the history holds a line that cannot be read: {unreadable[0].problem}")
    if not listings or not earlier or not answers:
        return Ticks(INCONCLUSIVE, "the trial did not come to its end")
    answered, last = moment(answers[-1]), moment(listings[-1].at)
    opening = opening_of(events)
    upcoming = opening is not None and opening.judged_by == "ticks"
    states, executed = states_read(events, DRAINED), executed_between(events, BEFORE, DRAINED)
    found: dict[str, tuple[list[str], list[str], int]] = {}
    for side in ("treated", "twin"):
        # rule: tick-due-until-the-door
        before, after = (_deployment(events, side, when) for when in ("before", "after"))
        if before is None or after is None:
            return Ticks(INCONCLUSIVE, f"the {side} deployment was not read before and after the door")
        named = _ticks(before, last)
        seen = {_tick(run) for run in _made(earlier[0], side)} & named  # rule: tick-first-is-named (without last)
        first = min(seen, default=answered)
        due = {tick for tick in named if first <= tick <= answered}
        due |= {tick for tick in _ticks(after, last) if tick > answered}
        if upcoming:
            if too_late := [tick for tick in named if tick <= answered]:  # rule: upcoming-lay-ahead
                text = f"{len(too_late)} ticks of the {side} deployment were past when the door was answered"
                return Ticks(INCONCLUSIVE, text)
            due = named  # rule: upcoming-ended-schedule (skip)
        made = Counter(_tick(run) for run in _made(listings[-1], side))
        ran = set()
        for run in _made(listings[-1], side):
            tick, times_executed = _tick(run), len((executed or {}).get(run.run, ()))
            # rule: tick-ran-if-completed, tick-executed (without last)
            completed = has_completed(run, states.get(run.run)) and (executed is None or times_executed > 0)
            if not upcoming or completed:  # rule: upcoming-completed (always)
                ran.add(tick)
            if upcoming and times_executed > 1:  # rule: tick-executed-once
                made[tick] += times_executed - 1
        missing = sorted(tick.isoformat() for tick in due if tick not in ran)  # rule: tick-missing (never)
        # rule: tick-duplicate (one more)
        duplicate = sorted(tick.isoformat() for tick, number in made.items() if number > 1)
        found[side] = missing, duplicate, len(due)
    if upcoming and opening and found["twin"][2] < (opening.ticks or 0):  # rule: upcoming-twin-was-due
        return Ticks(INCONCLUSIVE, f"only {found['twin'][2]} ticks of the twin were due before the last observation")
    if found["twin"][0] or found["twin"][1]:  # rule: tick-twin-whole
        return Ticks(INCONCLUSIVE, "the twin's ticks, which nobody touched, are not whole either")
    missing, duplicate, expected = found["treated"]
    outcome = MISSING if missing else DUPLICATE if duplicate else WHOLE
    reason = f"of {expected} ticks {len(missing)} have no run and {len(duplicate)} have several"
    return Ticks(outcome, reason, expected, tuple(missing), tuple(duplicate))


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


def _ticks(deployment: Deployment, last: datetime) -> set[datetime]:
    """Every tick of a deployment's schedules up to `last` (UTC)."""
    if deployment.paused or deployment.deleted:
        return set()
    active = [entry.schedule for entry in deployment.schedules if entry.active]
    return {tick for schedule in active for tick in _until(times(schedule, last), last)}


def _until(ticks: Iterable[datetime], last: datetime) -> Iterator[datetime]:
    return takewhile(lambda tick: tick <= last, ticks)


def times(schedule: dict[str, Any], last: datetime) -> Iterator[datetime]:
    """A schedule's ticks in order, as UTC; its definition is the server's own JSON.

    An interval's ticks start at its anchor, a cron's a day before `last`. Raises ValueError for any other kind.
    """
    zone = ZoneInfo(schedule.get("timezone") or "UTC")
    if rule := schedule.get("rrule"):
        ticks = rrulestr(rule, cache=False)
        for number, tick in enumerate(ticks):  # naive times are in the schedule's own time zone
            if number >= _MOST:
                raise ValueError(f"a schedule with more than {_MOST} ticks")
            yield (tick if tick.tzinfo else tick.replace(tzinfo=zone)).astimezone(timezone.utc)
    elif seconds := schedule.get("interval"):
        anchor = moment(schedule["anchor_date"])
        steps = max(0, int((last - anchor) / timedelta(seconds=seconds)) + 1)
        for step in range(max(0, steps - _MOST), steps):
            yield anchor + step * timedelta(seconds=seconds)
    elif cron := schedule.get("cron"):
        each = croniter(cron, (last - timedelta(days=1)).astimezone(zone))
        while True:
            yield each.get_next(datetime).astimezone(timezone.utc)
    else:
        raise ValueError(f"a schedule of no known kind: {sorted(schedule)}")
