"""A trial's append-only record: every call, fault, state and time, one JSON object a line.

What writes stands left of this module and touches the world; what reads stands right of it and is pure.
Every event has `at` (UTC, ISO 8601, this host's clock) and `kind`; docs/architecture.md lists the kinds.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dateutil.parser import isoparse

from harness.words.redaction import redact

Event = dict[str, Any]
SCHEMA = 6  # of a history, named by its first event; raised when what an older harness wrote would be judged otherwise


def now() -> str:
    """The current time in UTC, ISO 8601 with milliseconds, by this host's clock."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


@functools.lru_cache(maxsize=65_536)  # a history names the same times again and again
def moment(text: str) -> datetime:
    """A time as ISO 8601 has it, whatever its offset and fraction, as UTC; without an offset it is UTC already.

    Raises: ValueError.
    """
    found = isoparse(text)
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


class History:
    """Appends events to `path`, a line each, flushed at once so that a crash loses none that was written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()

    def add(self, kind: str, **facts: Any) -> Event:
        """Record one event; returns it as written. Secret-looking values are masked."""
        line = json.dumps(redact.value({"at": now(), "kind": kind, **facts}), default=str)
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        return json.loads(line)  # type: ignore[no-any-return]

    def events(self) -> list[Event]:
        """Everything recorded so far."""
        return read_history(self.path)


def read_history(path: Path) -> list[Event]:
    """The events of a saved history. A last line cut short by a crash is left out; a broken one before it is not.

    Raises: ValueError where a line that is not the last is no JSON object; FileNotFoundError.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    events: list[Event] = []
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
            if not isinstance(event, dict):
                raise ValueError("not an object")
        except ValueError as error:
            if number == len(lines):
                break
            raise ValueError(f"{path}:{number}: not a history line: {error}") from error
        events.append(event)
    return events


def how_started(events: Iterable[Event], asked: str = "") -> str:
    """How the lab's processes started: as its trial's first event says (else `asked`), or anew where that could not be.

    Of a history that was written before processes were forked: `exec`.
    """
    events = list(events)
    opening = next(iter(of_kind(events, "trial")), {"start": asked})
    return "exec" if of_kind(events, "not-forked") else str(opening.get("start") or "exec")


def of_kind(events: Iterable[Event], kind: str) -> list[Event]:
    """The events of one kind, in order."""
    return [event for event in events if event.get("kind") == kind]


def looks_agree(answers: Iterable[dict[str, Any]], runs: Iterable[dict[str, Any]]) -> bool:
    """Whether look-ups by id and a listing of runs name the same ones."""
    there = {run["run"] for run in runs}
    return all((answer["run"] in there) == (answer["status"] == 200) for answer in answers)
