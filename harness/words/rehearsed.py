"""What is rehearsed of one deployment of a person's project: a record beside the templates of its staging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness.words.errors import UsageError
from harness.words.files import write_whole

RECORD, NEW_FILE = "rehearsal.json", "prefect-new.yaml"  # beside prefect.yaml, the file as it was


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One deployment that is in the old file and in the new one.

    key     its name as Prefect writes it: flow/deployment
    new     its schedules as the new file has them
    begins  when its worker is gone, and `ends`: when it is back; ISO 8601, UTC
    ticks   how many runs fall due in between, by the old file, and `last`: when the last of them does
    least   how many of them have to be at risk for a verdict
    limited  whether the old or the new file limits how many of its runs are executed at a time
    file     the deployments of the new file, in its order, by their keys
    changes  the fields in which the new file differs, as a history names them
    notes   what is not rehearsed of it, or otherwise than asked for; each one sentence without its full stop
    """

    key: str
    new: Sequence[Mapping[str, Any]]
    begins: str
    ends: str
    last: str
    ticks: int
    least: int
    limited: bool = False
    file: Sequence[str] = ()
    changes: Sequence[str] = ()
    notes: Sequence[str] = ()

    def write(self, folder: Path) -> None:
        """Save it into a folder, which is there."""
        write_whole(folder / RECORD, msgspec.json.format(msgspec.json.encode(self)).decode() + "\n")

    @classmethod
    def read(cls, folder: Path) -> Rehearsed:
        """The record of a folder. Raises: UsageError where it is not one, FileNotFoundError."""
        try:
            return msgspec.json.decode((folder / RECORD).read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise UsageError(f"{folder / RECORD} is no record of a rehearsal: {error}") from None
