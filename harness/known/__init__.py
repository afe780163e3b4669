"""What is known of outcomes: one TOML a bug, a finding or a design. A new file is known at once.

Each is of Prefect's own word (an issue, a change, a line of its source) or of a finding of this project's, never of
what a run of this harness came to. Which backlog a scenario puts at risk, the scenario says.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from harness.words.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BY_DESIGN = "by design"  # what a reference begins with where Prefect means to do it


class Opened(Protocol):
    """What is asked of a door."""

    @property
    def name(self) -> str: ...

    @property
    def family(self) -> str: ...


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An outcome known for backlogs, doors and a range of releases.

    backlogs   which kinds of runs at risk (a scenario names its own: `overdue`, `upcoming`, ...)
    families   families of doors, and `doors`: single ones
    versions   the releases, as a specifier; empty: all
    outcome    of the trial, or of its ticks where the scenario is judged by them
    reference  the upstream issue, change or source line, or the finding; of the file, where it has none of its own
    sometimes  what it comes to instead now and then, by a race of Prefect's, and `sometimes_reference`, where from
    """

    backlogs: Sequence[str]
    outcome: str
    families: Sequence[str] = ()
    doors: Sequence[str] = ()
    versions: str = ""
    reference: str = ""
    sometimes: str = ""
    sometimes_reference: str = ""

    def is_of(self, backlog: str, door: Opened, version: str) -> bool:
        """Whether it speaks of this backlog, this door and this release."""
        opened = door.name in self.doors or door.family in self.families
        return backlog in self.backlogs and opened and Version(version) in SpecifierSet(self.versions, prereleases=True)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of known outcomes: what it is about, and where each is known from that names no other reference."""

    summary: str
    reference: str
    known: Sequence[Known]


@functools.cache
def load_known() -> Sequence[Known]:
    """All that is known, in the order of the files' names; read once a process.

    Raises: UsageError, naming file and field, for a file that does not say it in this form.
    """
    found: list[Known] = []
    for path in sorted(file for folder in __path__ for file in Path(folder).glob("*.toml")):
        try:
            said: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            file = msgspec.convert(said, _File)
            for known in file.known:
                SpecifierSet(known.versions)
                found.append(msgspec.structs.replace(known, reference=known.reference or file.reference))
        except (ValueError, msgspec.ValidationError, InvalidSpecifier) as error:
            raise UsageError(f"{str(path)!r} is no file of known outcomes: {error}.") from None
    return found


def known_for(backlog: str, door: Opened, version: str) -> Known | None:
    """What is known of a backlog, a door and a release; None where nothing is."""
    return next((known for known in load_known() if known.is_of(backlog, door, version)), None)
