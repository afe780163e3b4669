"""The ticks of one schedule: what its definition asks for, worked out without Prefect and from no clock.

A definition is the server's own JSON (`cron`, `interval` or `rrule`, with its time zone). It says nothing of a release
of Prefect, and so does this: the ticks are those of its documentation, and where that says nothing, of 3.9.1 on Python
3.13. What others do otherwise, and how that was measured: docs/explanation/decisions/the-tick-oracle.md.

cron      a time of the wall clock. Where clocks are set back, the first of the two times; where they are set forward, a
          time that is left out lies as much later as was left out (02:22 becomes 03:22). So an hourly cron ticks once
          in the two hours that are called 2, and never twice in one moment.
interval  whole days in a time zone are days of the calendar: 9:00 stays 9:00. What falls into a gap is moved on, and
          the days after it keep the hour that it was moved to (its documentation does not say so). All else counts
          seconds, in every zone: Prefect adds 36 hours as a day of the calendar and 12 hours, but starts to count
          from the anchor by seconds at each pass of its scheduler, and so contradicts itself around a change.
rrule     wall-clock times too. Where they come twice, the first; one that is left out lies as much earlier as is left
          out (02:22 becomes 01:22: dateutil 2 does so, and no documentation says anything). A DTSTART's own time zone
          does not count, the schedule's does. Without a DTSTART, the rule begins on 2020-01-01 at midnight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter
from dateutil import rrule as rules

from harness.history import moment

MOST = 100_000  # ticks of one schedule; more are a schedule that nobody stages
_DAY = timedelta(days=1)
_BEGINNING = date(2020, 1, 1)  # of a rule without DTSTART (Prefect's server/schemas/schedules.py)
_PERIODS = {
    rules.SECONDLY: timedelta(seconds=1),
    rules.MINUTELY: timedelta(minutes=1),
    rules.HOURLY: timedelta(hours=1),
    rules.DAILY: _DAY,
    rules.WEEKLY: 7 * _DAY,
}


def ticks_between(schedule: Mapping[str, Any], start: datetime, end: datetime) -> list[datetime]:
    """A schedule's ticks from `start` to `end`, both included (aware times), in order, each once, as UTC.

    Raises: ValueError for a definition of no known kind, and for more than MOST ticks.
    """
    zone = schedule.get("timezone") or "UTC"
    start, end = start.astimezone(timezone.utc), end.astimezone(timezone.utc)
    if end < start:
        return []
    if cron := schedule.get("cron"):
        ticks = _of_cron(str(cron), bool(schedule.get("day_or", True)), ZoneInfo(zone), start, end)
    elif interval := schedule.get("interval"):
        ticks = _of_interval(timedelta(seconds=float(interval)), moment(schedule["anchor_date"]), zone, start, end)
    elif rule := schedule.get("rrule"):
        ticks = _of_rule(str(rule), ZoneInfo(zone), start, end)
    else:
        raise ValueError(f"a schedule of no known kind: {sorted(schedule)}")
    found: set[datetime] = set()
    for tick in ticks:
        if start <= tick <= end:  # rule: oracle-window (always)
            found.add(tick)
        if len(found) > MOST:
            raise ValueError(f"a schedule with more than {MOST} ticks")
    return sorted(found)


def first_tick(schedule: Mapping[str, Any]) -> datetime | None:
    """The first tick of a schedule that names a number of ticks and its own beginning; None for any other."""
    text = str(schedule.get("rrule") or "").upper()
    if "COUNT=" not in text or "DTSTART" not in text:
        return None
    zone = ZoneInfo(schedule.get("timezone") or "UTC")
    return next((_of_a_rule(wall, zone) for wall in _on_the_wall(str(schedule["rrule"]))), None)


def _of_cron(cron: str, day_or: bool, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    spread = _spread(zone, start, end)
    until = _wall(end, zone) + spread
    # One second earlier, since what croniter is given is none of its answers.
    since = _wall(start, zone) - spread - timedelta(seconds=1)
    each = croniter(cron, since, day_or=day_or)  # rule: oracle-day-or
    while (wall := _next(each)) <= until:
        # The first of two equal times, and one that is left out as much later: what zoneinfo makes of fold 0.
        yield wall.replace(tzinfo=zone).astimezone(timezone.utc)


def _next(each: croniter) -> datetime:
    """The next time of a cron; one that never comes lies at the end of days."""
    try:
        found: datetime = each.get_next(datetime)
    except CroniterBadDateError:  # it looks ahead for 50 years
        return datetime.max
    return found


def _of_interval(step: timedelta, anchor: datetime, zone: str, start: datetime, end: datetime) -> Iterator[datetime]:
    if step % _DAY or zone == "UTC":  # rule: oracle-calendar-days (always)
        number = -((anchor - start) // step)
        while (tick := anchor + number * step) <= end:
            yield tick
            number += 1
        return
    where = ZoneInfo(zone)
    if start < anchor:
        wall = _wall(anchor, where)
        number = -int((anchor - start) / step) - 2
        for earlier in range(number, 0):
            yield (wall + earlier * step).replace(tzinfo=where).astimezone(timezone.utc)
    tick = anchor
    while tick <= end:
        yield tick
        tick = (_wall(tick, where) + step).replace(tzinfo=where).astimezone(timezone.utc)


def _of_rule(rule: str, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    spread = _spread(zone, start, end)
    walls, until = _on_the_wall(rule), _wall(end, zone) + spread
    if isinstance(walls, rules.rrule):
        walls = _begun_later(walls, _wall(start, zone) - spread)
    for wall in walls:
        if wall > until:
            return
        yield _of_a_rule(wall, zone)


def _of_a_rule(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment that dateutil 2 takes a time of the wall clock for: one that is left out is as much earlier."""
    first = wall.replace(tzinfo=zone).astimezone(timezone.utc)
    # rule: oracle-rule-in-a-gap
    if _wall(first, zone) != wall:
        return wall.replace(tzinfo=zone, fold=1).astimezone(timezone.utc)
    return first


def _on_the_wall(rule: str) -> Any:
    """The rule or the set of rules, by the wall clock of the schedule's zone, whatever zone its own times name."""
    found: Any = rules.rrulestr(rule, dtstart=_BEGINNING, cache=False)

    def here(one: Any) -> Any:
        until = {"until": one._until.replace(tzinfo=None)} if one._until else {}
        return one.replace(dtstart=one._dtstart.replace(tzinfo=None), **until)

    if isinstance(found, rules.rrule):
        return here(found)
    for several in (found._rrule, found._exrule):
        several[:] = [here(one) for one in several]
    for several in (found._rdate, found._exdate):
        several[:] = [one.replace(tzinfo=None) for one in several]
    return found


def _begun_later(rule: Any, before: datetime) -> Any:
    """The same rule, begun so many whole periods later that its ticks from `before` on are the same.

    A rule by the second that began in 2020 has two hundred million ticks before those that are asked for.
    """
    period = _PERIODS.get(rule._freq)
    if period is None or rule._count:
        return rule
    every = period * rule._interval
    skipped = (before - rule._dtstart) // every - 1
    return rule.replace(dtstart=rule._dtstart + skipped * every) if skipped > 0 else rule


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks of a zone show then."""
    return instant.astimezone(zone).replace(tzinfo=None)


def _spread(zone: ZoneInfo, start: datetime, end: datetime) -> timedelta:
    """By how much the clocks of a zone are set forward or back between a day before `start` and a day after `end`."""
    offsets = []
    at = start - _DAY
    while at <= end + 2 * _DAY:
        offsets.append(at.astimezone(zone).utcoffset() or timedelta())
        at += _DAY
    return max(offsets) - min(offsets)
