"""Deployments as they were read around a door, and which of their schedules made a run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from harness.checkers._oracle import ticks_between
from harness.history import of_kind
from harness.words.events import DeploymentRead, Event
from harness.words.facts import Deployment, FlowRun, Schedule, Values

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_START = re.compile(r"DTSTART[^\n]*\n")


def deployments_at(events: Sequence[Event], when: str) -> dict[str, Deployment]:
    """The last reading of each side's deployment at this time."""
    return {event.side: event.deployment for event in of_kind(events, DeploymentRead) if event.when == when}


def schedule_of(run: FlowRun) -> str:
    """The id of the schedule that made a run; empty where nothing says so.

    From 3.2.0 on the server says so. From 3.2.2 on the key that keeps a tick's run from being made twice does, too:
    `scheduled DEPLOYMENT SCHEDULE TIME`; before, it named no schedule (read, models/deployments.py). A history of an
    earlier schema has the key alone.
    """
    if run.schedule_id:  # rule: schedule-by-the-servers-word (never)
        return run.schedule_id
    words = (run.idempotency_key or "").split()
    # rule: schedule-by-its-key (never)
    return words[2] if len(words) > 3 and words[0] == "scheduled" and _UUID.fullmatch(words[2]) else ""


def same_schedule(one: Schedule, other: Schedule, since: datetime | None = None) -> bool:
    """Whether two readings are of one schedule: by id, by slug, or by what they define if neither has a slug.

    A deploy gives a schedule without a slug another id. `since`: as of `same_definition`.
    """
    if one.id == other.id:
        return True
    if one.slug or other.slug:
        return one.slug == other.slug
    return same_definition(one.schedule, other.schedule, since)  # rule: schedule-made-anew (gives False)


def same_definition(one: Values, other: Values, since: datetime | None) -> bool:
    """Whether two definitions are the same, or two RRULEs that differ in DTSTART alone and tick alike from `since` on.

    From 3.6.26 on a deploy gives an RRULE of seconds or minutes that has no DTSTART a recent one, so another each time
    (PrefectHQ/prefect#21362).
    """
    if one == other or since is None:
        return one == other
    if not one.get("rrule") or _without_dtstart(one) != _without_dtstart(other):
        return False
    until = since + timedelta(days=1)
    # rule: schedule-begins-later (gives False)
    return ticks_between(one, since, until) == ticks_between(other, since, until)


def without_its_start(definition: Values) -> Values:
    """A definition but for when it begins: its DTSTART, or its anchor."""
    # rule: schedule-but-for-its-start (without last)
    return {**_without_dtstart(definition), "anchor_date": None}


def _without_dtstart(definition: Values) -> Values:
    return {**definition, "rrule": _START.sub("", str(definition.get("rrule") or ""))}
