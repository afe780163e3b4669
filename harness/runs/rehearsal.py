"""A person's project as scenarios: one folder for each deployment that is in the old file and in the new one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import structs

from harness.checkers._oracle import ticks_between
from harness.projects.read import Project, ProjectDeployment
from harness.projects.stubs import flow_code, template
from harness.words.errors import UsageError
from harness.words.files import write_whole
from harness.words.rehearsed import NEW_FILE, Rehearsed

EVENING = timedelta(hours=19, minutes=0, seconds=40)  # in the zone of its first schedule; no usual tick is near
_AFTER = timedelta(seconds=20)  # how long after the last tick the worker is back
# How much later than is reckoned here a run may be due of an interval that begins when Prefect deploys it.
_UNKNOWN = timedelta(minutes=2)
# What a history calls the keys of a prefect.yaml (words/facts.py).
_FIELDS = {
    "schedules": "schedules",
    "schedule": "schedules",
    "parameters": "parameters",
    "tags": "tags",
    "paused": "paused",
    "concurrency_limit": "limit",
}
_SEARCHED = timedelta(days=400)  # how far ahead a first tick is looked for
_SCENARIO = '''"""A deployment of a person's project; rehearsal.json beside this file says which."""

from pathlib import Path

from harness.trials.rehearsed import scenario_of

scenario = scenario_of(Path(__file__).parent)
'''
Schedule = Mapping[str, Any]


class Unrehearsed(msgspec.Struct, frozen=True):
    """A deployment that is not rehearsed, and why, as a sentence without its full stop."""

    key: str
    why: str


def write_scenarios(
    old: Project, new: Project, place: Path, *, keys: Sequence[str], outage: timedelta, most: int, now: datetime
) -> list[Unrehearsed]:
    """Write a scenario folder into `place` for each deployment of both; returns those that cannot be rehearsed.

    They come in the order of the new file, in which `prefect deploy --all` deploys them.

    keys  the deployments that are asked for, as `deployment` or `flow/deployment`; none: all
    most  how many runs of each may fall due; the time without a worker is cut to that

    Raises: UsageError for a key that neither file has, and where no deployment is left.
    """
    before, after = ({each.key: each for each in project.deployments} for project in (old, new))
    chosen = _chosen([*after, *(key for key in before if key not in after)], keys)
    left_out, written = [], 0
    for key in chosen:
        was, will = before.get(key), after.get(key)
        if was is None:
            left_out.append(Unrehearsed(key, "it is new: no run of it can be lost"))
        elif will is None:
            left_out.append(
                Unrehearsed(key, "the new file has it no more: `prefect deploy` leaves it as it is, schedules and all")
            )
        else:
            try:
                record = structs.replace(_record(was, will, outage, most, now), file=[*after])
            except _NothingDue as nothing:
                left_out.append(Unrehearsed(key, str(nothing)))
                continue
            written += 1
            folder = place / _folder_name(key, written, len(chosen))
            folder.mkdir(parents=True)
            write_whole(folder / "scenario.py", _SCENARIO)
            write_whole(folder / "flow.py", flow_code(was.parameters))
            write_whole(folder / "prefect.yaml", template(was))
            write_whole(folder / NEW_FILE, template(will))
            record.write(folder)
    if not written:
        whys = "\n".join(f"{each.key}: {each.why}." for each in left_out[:2])
        raise UsageError(f"There is nothing to rehearse.\n{whys}")
    return left_out


def _chosen(everything: Sequence[str], keys: Sequence[str]) -> list[str]:
    for key in keys:
        if not any(_is_named(one, key) for one in everything):
            raise UsageError(f"Neither file has a deployment {key!r}. There are: {', '.join(everything)}.")
    return [one for one in everything if not keys or any(_is_named(one, key) for key in keys)]


def _is_named(key: str, name: str) -> bool:
    return name in (key, key.rpartition("/")[2])


def _folder_name(key: str, number: int, of: int) -> str:
    """A name that is a folder's, a work pool's and a part of a flow's; by name they stand in order."""
    plain = re.sub(r"[^a-z0-9]+", "-", key.rpartition("/")[2].lower()).strip("-")[:30]
    return f"rehearsed-{number:0{len(str(of))}}" + (f"-{plain}" if plain else "")


class _NothingDue(Exception):  # noqa: N818 - a finding, no error
    """No run falls due while the worker is gone."""


def _record(was: ProjectDeployment, will: ProjectDeployment, outage: timedelta, most: int, now: datetime) -> Rehearsed:
    """Raises: _NothingDue; UsageError for a schedule that cannot be read."""
    old, new = _schedules(was), _schedules(will)
    active = [each for each in old if each.get("active", True)]
    if not active:
        raise _NothingDue("it has no active schedule in the old file: no run of it can be late")
    zone = ZoneInfo(str(active[0].get("timezone") or "UTC"))
    tomorrow = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    begins = (tomorrow + EVENING).astimezone(timezone.utc)
    notes = list(dict.fromkeys([*was.notes, *will.notes]))
    open_ended = sum("interval" in each and not each.get("anchor_date") for each in active)
    later_by = _UNKNOWN if open_ended else timedelta()
    due = _due(active, begins, begins + outage, was.key)
    if not due:
        later = _due(active, begins, begins + _SEARCHED, was.key, first=True)
        if not later:
            raise _NothingDue(f"no run of it falls due within {_SEARCHED.days} days")
        begins = later[0] - outage / 2
        notes.append(f"its next run is due at {later[0]:%Y-%m-%d %H:%M} UTC, so its worker is gone around that time")
        due = _due(active, begins, begins + outage, was.key)
    ends = begins + outage + later_by
    if len(due) > most:
        ends = due[most - 1] + later_by + _AFTER
        notes.append(
            f"{len(due)} runs fall due in {_hours(outage)} h, so its worker is gone for the first {most} of them: "
            f"until {ends:%H:%M} UTC (--most-runs)"
        )
        due = due[:most]
    return Rehearsed(
        key=was.key,
        new=new,
        begins=begins.isoformat(),
        ends=ends.isoformat(),
        last=(due[-1] + later_by).isoformat(),
        ticks=len(due),
        least=max(1, len(due) - open_ended),
        limited=any(each.fields.get("concurrency_limit") is not None for each in (was, will)),
        changes=[field for key, field in _FIELDS.items() if was.fields.get(key) != will.fields.get(key)]
        + ["work_queue_name"] * (was.queue != will.queue),
        notes=notes,
    )


def _hours(outage: timedelta) -> str:
    return f"{outage.total_seconds() / 3600:g}"


def _due(
    schedules: Sequence[Schedule], start: datetime, end: datetime, key: str, *, first: bool = False
) -> list[datetime]:
    """When runs fall due, a moment as often as schedules name it; `first`: the first of each is enough."""
    found: list[datetime] = []
    for each in schedules:
        told = {"anchor_date": start.isoformat(), **each} if "interval" in each else each
        try:
            found += _first(told, start, end) if first else ticks_between(told, start, end)
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(f"A schedule of {key} cannot be read: {error}. It is {each}.") from None
    return sorted(tick for tick in found if tick > start)


def _first(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    """The first tick in a long time, without all that come after it."""
    span = timedelta(days=1)
    while start < end:
        if ticks := ticks_between(schedule, start, min(end, start + span)):
            return ticks[:1]
        start += span
        span *= 2
    return []


def _schedules(declared: ProjectDeployment) -> list[dict[str, Any]]:
    """A deployment's schedules as its file has them, as values that JSON can hold."""
    fields = declared.fields
    listed = fields.get("schedules") or ([fields["schedule"]] if fields.get("schedule") else [])
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        raise UsageError(f"The schedules of {declared.key} are no list of mappings: {listed!r:.120}.")
    return [dict(_plain(each)) for each in listed]


def _plain(schedule: Schedule) -> Iterator[tuple[str, Any]]:
    for key, value in schedule.items():
        if isinstance(value, datetime | date):
            yield str(key), value.isoformat()
        elif isinstance(value, timedelta):
            yield str(key), value.total_seconds()
        else:
            yield str(key), value
