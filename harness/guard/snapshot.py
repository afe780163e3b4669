"""A file of all that waits on a server, with what it takes to create it anew: whole, or refused.

JSON lines: a header, one line a run, and a last line with their number and the SHA-256 of all lines before it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from harness.guard.client import Client
from harness.guard.listing import clock_of, deployments_by_id, version_of, waiting
from harness.guard.runs import Run
from harness.history import moment
from harness.words.errors import LabError, UsageError

SCHEMA = 1
_ENCODER = msgspec.json.Encoder()


class Header(msgspec.Struct, frozen=True, tag="header", tag_field="kind", forbid_unknown_fields=True):
    """The first line: the server by its URL and version, and its own clock as the listing began."""

    schema: int
    api: str
    version: str
    at: str

    def __post_init__(self) -> None:
        moment(self.at)


class Line(msgspec.Struct, frozen=True, tag="run", tag_field="kind"):
    """A run, and its deployment as FLOW/NAME; empty where the server has it no more."""

    deployment: str
    run: Run


class End(msgspec.Struct, frozen=True, tag="end", tag_field="kind", forbid_unknown_fields=True):
    """The last line: how many runs there are, and the check sum of all before it."""

    runs: int
    sha256: str


@dataclass(frozen=True)
class Snapshot:
    """What a file holds."""

    header: Header
    lines: list[Line]

    @property
    def at(self) -> datetime:
        """The server's clock as the listing began."""
        return moment(self.header.at)


def check_free(file: Path) -> None:
    """Raises: UsageError for a file that is there (it may be the only word on what was lost), or has no folder."""
    if file.exists() or file.is_symlink():  # rule: guard-snapshot-kept
        raise UsageError(f"{str(file)!r} is there already, and is kept. Name another file.")
    if not file.parent.is_dir():
        raise UsageError(f"There is no folder {str(file.parent)!r} to write {file.name!r} into.")


def take(client: Client, file: Path) -> int:
    """Write all that waits on the server into a new file; returns how many runs. Raises: NoWordError; UsageError.

    It is written beside its place and renamed once it is whole. Only its owner may read it: parameters may be secret.
    """
    check_free(file)
    header = Header(SCHEMA, client.where.url, version_of(client), clock_of(client).isoformat())
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as error:
        raise UsageError(f"{str(file)!r} cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "wb") as out:
            digest, runs = hashlib.sha256(), 0
            for line in _lines(client, header):
                out.write(line)
                digest.update(line)
                runs += 1
            out.write(_encoded(End(runs - 1, digest.hexdigest())))
            out.flush()
            os.fsync(out.fileno())
        Path(name).rename(file)  # rule: guard-snapshot-renamed
    except OSError as error:
        raise LabError(f"{str(file)!r} cannot be written: {error.strerror}.\nThere is no snapshot.") from None
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
    return runs - 1


def _lines(client: Client, header: Header) -> Iterator[bytes]:
    yield _encoded(header)
    names: dict[str, str] = {}
    for run in waiting(client):
        known = str(run.deployment_id)
        if known not in names:
            found = deployments_by_id(client, [known])
            names[known] = found[known].full_name if known in found else ""
        yield _encoded(Line(names[known], run))


def _encoded(line: Header | Line | End) -> bytes:
    return _ENCODER.encode(line) + b"\n"


def read(file: Path) -> Snapshot:
    """What a file of a snapshot holds. Raises: UsageError for one that is not whole."""

    def no_snapshot(why: str) -> UsageError:
        return UsageError(f"{str(file)!r} is no whole snapshot: {why}.\nNothing is restored from it.")

    header: Header | None = None
    lines: list[Line] = []
    digest, decoder = hashlib.sha256(), msgspec.json.Decoder(Header | Line | End)
    try:
        with file.open("rb") as whole:
            for number, each in enumerate(whole, start=1):
                try:
                    line = decoder.decode(each)
                except (msgspec.DecodeError, ValueError, RecursionError) as error:
                    raise no_snapshot(f"line {number}: {error}") from None
                if isinstance(line, End):
                    # rule: guard-snapshot-whole
                    if (line.runs, line.sha256) != (len(lines), digest.hexdigest()) or not each.endswith(b"\n"):
                        raise no_snapshot("its check sum is another")
                    if header is None or whole.read(1):  # rule: guard-snapshot-one-end
                        raise no_snapshot("it has no header, or goes on after its end")
                    return Snapshot(header, lines)
                digest.update(each)
                if isinstance(line, Line):
                    lines.append(line)
                elif header is None and number == 1 and line.schema == SCHEMA:
                    header = line
                else:
                    raise no_snapshot(f"line {number} is a header of schema {line.schema}")
    except OSError as error:
        raise UsageError(f"{str(file)!r} cannot be read: {error.strerror}.") from None
    raise no_snapshot("it has no last line with a check sum")
