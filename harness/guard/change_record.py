"""The record of a watch: JSON lines that are only added to, and what the next watch knows from them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from harness.guard.seen import Known
from harness.guard.watch import BEGAN, REMOVED, Event
from harness.words.errors import LabError, UsageError

SCHEMA = 1
_ENCODER, _DECODER = msgspec.json.Encoder(), msgspec.json.Decoder(Event)


@dataclass
class Remembered:
    """What a record says: each deployment as it was at last, when the last line was written, and unreadable lines."""

    known: dict[str, Known] = field(default_factory=dict)
    last: str = ""
    unreadable: int = 0


class ChangeRecord:
    """A file that this watch alone adds to. A context manager. Only its owner may read it.

    Raises on entry: UsageError for a file that is no record of this server, cannot be written, or has another writer.
    """

    def __init__(self, file: Path, api: str) -> None:
        self._file, self._api = file, api
        self._out: BinaryIO | None = None
        self._is_begun = False
        self.remembered = Remembered()

    def __enter__(self) -> ChangeRecord:
        if self._file.exists() and not self._file.is_file():
            raise UsageError(f"{str(self._file)!r} is no file. Name another.")
        try:
            handle = os.open(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise UsageError(f"{str(self._file)!r} cannot be written: {error.strerror}.") from None
        self._out = os.fdopen(handle, "r+b", buffering=0)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # rule: guard-record-one-writer
            self.remembered = self._read()
        except OSError as error:
            self._out.close()
            why = "another watch writes to it" if isinstance(error, BlockingIOError) else error.strerror
            raise UsageError(f"{str(self._file)!r} cannot be written: {why}. Name another file.") from None
        except UsageError:
            self._out.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._out:
            self._out.close()

    def _read(self) -> Remembered:
        """Raises: UsageError."""
        assert self._out
        found, line = Remembered(), b""
        self._out.seek(0)
        with open(self._out.fileno(), "rb", closefd=False) as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    event = _DECODER.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    event = None
                if number == 1:
                    self._check(event)
                if event is None:  # rule: guard-record-torn-line (always)
                    found.unreadable += 1
                    continue
                found.last = event.at
                if event.digests:
                    found.known[event.deployment_id] = Known(event.deployment, event.digests)
                elif event.kind == REMOVED:  # rule: guard-record-removed
                    found.known.pop(event.deployment_id, None)
        if line and not line.endswith(b"\n"):  # whoever wrote it was killed: the next line must not hang on to it
            self._out.write(b"\n")
        return found

    def _check(self, first: Event | None) -> None:
        if first is None or first.kind != BEGAN or first.schema != SCHEMA:  # rule: guard-record-no-other-file
            raise UsageError(f"{str(self._file)!r} is no change record, and is left as it is. Name another file.")
        if first.api != self._api:  # rule: guard-record-its-server
            raise UsageError(
                f"{str(self._file)!r} is of {first.api}, and this is {self._api}.\nName another file for this server."
            )

    def add(self, events: Sequence[Event]) -> None:
        """Write these; they are on the disk once it returns. Raises: LabError."""
        if not events or not self._out:
            return
        if not self._is_begun:
            began = Event(at=events[0].at, kind=BEGAN, schema=SCHEMA, api=self._api)
            events, self._is_begun = [began, *events], True
        try:
            left = memoryview(b"".join(_ENCODER.encode(event) + b"\n" for event in events))
            while left:
                left = left[self._out.write(left) :]
            os.fsync(self._out.fileno())
        except OSError as error:
            raise LabError(f"{str(self._file)!r} cannot be written: {error.strerror}.\nThe watch ends.") from None
