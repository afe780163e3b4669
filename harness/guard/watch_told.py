"""What a watch has to say, as lines for a person."""

from __future__ import annotations

from collections.abc import Mapping

import harness.guard.watch as kinds
from harness.guard.watch import Event


def line_of(event: Event, *, dated: bool) -> str:
    """An event as a line, with the day where it is for a log; empty for one that only the record has to know."""
    said = _said(event)
    return f"{time_of(event.at, dated=dated)}  {said}" if said else ""


def time_of(at: str, *, dated: bool) -> str:
    """A time of an event for people."""
    return at[:19].replace("T", " ") if dated else at[11:19]


def _said(event: Event) -> str:
    name = event.deployment
    match event.kind:
        case kinds.SEEN:
            return ""
        case kinds.CHANGED:
            return f"{name} changed: {', '.join(event.fields)}{_backlog(event)}"
        case kinds.CREATED:
            return f"{name} is new{_backlog(event)}"
        case kinds.REMOVED:
            return f"{name} was deleted{_backlog(event)}"
        case kinds.RUNS_DELETED:
            return f"{name}: {event.runs} waiting runs were deleted"
        case kinds.LATE:
            return f"{name}: {event.runs} runs are late, more than {event.most}"
        case kinds.NO_MORE_LATE:
            return f"{name}: {event.runs} runs are late, no more than {event.most}"
        case kinds.SLOTS:
            return f"{name}: {event.runs} runs wait for a slot, more than {event.most}"
        case kinds.NO_MORE_SLOTS:
            return f"{name}: {event.runs} runs wait for a slot, no more than {event.most}"
        case kinds.AWAY:
            return f"no answer: {event.why}"
        case kinds.BACK:
            return f"it answers again, after {event.seconds:.0f} s: Prefect {event.version}"
        case kinds.RELEASE:
            return f"the server is another release now: Prefect {event.version}"
    return ""


def _backlog(event: Event) -> str:
    """The runs that waited before, and those that wait now."""
    if event.before is not None:
        return f"; waiting before: {_counted(event.before)}; now: {_counted(event.now)}"
    return f"; while no watch ran, after {time_of(event.since, dated=True)}; waiting now: {_counted(event.now)}"


def _counted(kinds: Mapping[str, int] | None) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted((kinds or {}).items())) or "none"
