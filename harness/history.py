"""A trial's append-only record: every call, fault, state and time, one JSON object a line.

What writes it touches the world; what reads it is pure. Each line is a record that harness/words/kinds.py lists.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from dateutil.parser import isoparse

from harness.words.clock import HOST_CLOCK, Clock
from harness.words.events import Event, NotForked, Opening, Unreadable
from harness.words.kinds import ANY_EVENT, KINDS
from harness.words.redaction import redact

E = TypeVar("E", bound=Event)
_decoder = msgspec.json.Decoder(ANY_EVENT)


def now(clock: Clock = HOST_CLOCK) -> str:
    """The current time in UTC, ISO 8601 with milliseconds."""
    return clock.now().isoformat(timespec="milliseconds")


@functools.lru_cache(maxsize=65_536)  # a history names the same times again and again
def moment(text: str) -> datetime:
    """A time as ISO 8601 has it, whatever its offset and fraction, as UTC; without an offset it is UTC already.

    Raises: ValueError.
    """
    found = isoparse(text)
    # rule: times-are-instants (never)
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


class History:
    """Appends events to `path`, a line each, flushed at once so that a crash loses none that was written."""

    def __init__(self, path: Path, clock: Clock = HOST_CLOCK) -> None:
        self.path, self._clock = path, clock
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()

    def add(self, kind: str, **facts: Any) -> None:
        """Record one event of a kind, with its fields (harness/words/events.py). Secret-looking values are masked.

        Values are written as the server gave them; whoever reads the history says where one is of a wrong type.
        Raises: TypeError for a kind or a field that no record has.
        """
        if unknown := facts.keys() - (KINDS[kind].__struct_fields__ if kind in KINDS else ()):
            raise TypeError(f"no event {kind!r} has {', '.join(sorted(unknown))}")
        event = redact.value({"at": now(self._clock), "kind": kind, **facts})  # rule: history-no-secrets (unwrapped)
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.writelines(_line(event))

    def events(self) -> list[Event]:
        """Everything recorded so far."""
        return read_history(self.path)


def _line(event: dict[str, Any]) -> Iterator[str]:
    """An event's line in parts: a list of ten thousand records is never in memory as one text."""
    between = "{"
    for name, value in event.items():
        yield f"{between}{json.dumps(name)}: "
        if isinstance(value, list) and value:
            for number, one in enumerate(value):
                yield f"{', ' if number else '['}{json.dumps(one, default=_as_json)}"
            yield "]"
        else:
            yield json.dumps(value, default=_as_json)
        between = ", "
    yield "}\n"


def _as_json(value: Any) -> Any:
    """A record as plain values, redacted, anything else that JSON cannot hold as text."""
    if not isinstance(value, msgspec.Struct):
        return str(value)
    return redact.value(msgspec.to_builtins(value))  # rule: history-no-secrets-in-records (unwrapped)


def read_history(path: Path) -> list[Event]:
    """The events of a saved history. If a crash cut its last line short, that line is left out.

    A line that is no event of a known kind, or has a field of a wrong type, is an `Unreadable`.
    Raises: ValueError where a line that is not the last is no JSON object; FileNotFoundError.
    """
    events: list[Event] = []
    with path.open(encoding="utf-8") as lines:  # one at a time: that of ten thousand runs has 90 MB
        for number, line in enumerate(lines, start=1):
            try:
                events.append(_read(line))
            except ValueError as error:
                if next(lines, None) is None:
                    break
                raise ValueError(f"{path}:{number}: not a history line: {error}") from error
    return events


def _read(line: str) -> Event:
    """Raises: ValueError for what is no JSON object."""
    try:
        found: Event = _decoder.decode(line)
    except msgspec.DecodeError:  # slower, and it says what is wrong; it takes all that Python's own writer writes
        plain = json.loads(line)
        if not isinstance(plain, dict):
            raise ValueError("not an object") from None
        found = event_of(plain)
    return found


def event_of(line: Any) -> Event:
    """The event that a line's JSON value is; Unreadable, with the field that is wrong, where it is none."""
    try:
        found: Event = msgspec.convert(line, ANY_EVENT)
    except msgspec.ValidationError as error:
        kind = line.get("kind") if isinstance(line, dict) else None
        known = isinstance(kind, str) and kind in KINDS
        at = line.get("at") if isinstance(line, dict) else ""
        said = f"{kind}: {error}" if known else f"no kind of event: {kind!r:.60}"
        return Unreadable(at=at if isinstance(at, str) else "", problem=said)
    return found


def how_started(events: Iterable[Event], asked: str = "") -> str:
    """How the lab's processes started: as its trial's first event says (else `asked`), or anew where that could not be.

    Of a history that was written before processes were forked: `exec`.
    """
    events = list(events)
    opening = opening_of(events)
    return "exec" if of_kind(events, NotForked) else (opening.start if opening else asked) or "exec"


def opening_of(events: Iterable[Event]) -> Opening | None:
    """The event that says what is tried; None where it is not there, or cannot be read."""
    return next((event for event in events if isinstance(event, Opening)), None)


def of_kind(events: Iterable[Event], kind: type[E]) -> list[E]:
    """The events of one kind, in order."""
    return [event for event in events if isinstance(event, kind)]


def looks_agree(looked_up: Iterable[tuple[str, int | None]], listed: Collection[str]) -> bool:
    """Whether look-ups by id (each run's id and the status of the answer) and a listing name the same runs."""
    return all((run in listed) == (status == 200) for run, status in looked_up)
