"""What is known of outcomes: one TOML a bug, a finding or a design. A new file is known at once.

Each is of Prefect's own word (an issue, a change, a line of its source) or of a finding of this project's, never of
what a run of this harness came to. Which backlog a scenario puts at risk, the scenario says.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

import msgspec
from msgspec.structs import replace
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from harness.checkers import load_promises
from harness.words.errors import UsageError, no_such
from harness.words.names import SERVER, UPGRADE
from harness.words.promises import Expectation

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BY_DESIGN = "by design"  # what a reference begins with where Prefect means to do it
_NO_OTHER: Mapping[str, str] = MappingProxyType({})  # worker and deployer are of the server's release
Role = Literal["server", "worker", "deployer"]


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
    role       whose release that is, where they are not all of one
    reference  the upstream issue, change or source line, or the finding; of the file, where it has none of its own
    """

    backlogs: Sequence[str]
    outcome: str
    families: Sequence[str] = ()
    doors: Sequence[str] = ()
    versions: str = ""
    role: Role = "server"
    reference: str = ""

    def is_of(self, backlog: str, door: Opened, version: str, versions: Mapping[str, str] = _NO_OTHER) -> bool:
        """Whether it speaks of this backlog, this door and these releases: the server's, and those of other roles."""
        opened = door.name in self.doors or door.family in self.families
        return backlog in self.backlogs and opened and _is_in(_of(self.role, version, versions), self.versions)


def _of(role: Role, version: str, versions: Mapping[str, str]) -> str:
    """The release of a role; the server's, `version`, where `versions` has none of its own."""
    return version if role == SERVER else versions.get(role, version)  # rule: known-of-a-role (always)


def _is_in(version: str, range_: str) -> bool:
    return bool(version) and Version(version) in SpecifierSet(range_, prereleases=True)


class KnownPromise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of a promise, for doors and a range of releases.

    name       of the promise: of the checker that watches over it
    outcome    broken, or held where that is known of some releases alone; or the checker's own word for it
    backlogs   which kinds of runs at risk; empty: all
    families, doors, versions, role, reference  as in `Known`; a family or a door has to be named
    upgraded_to  the releases that the server is upgraded to, as `versions`; for the door that does so
    sometimes  what it comes to instead now and then, by a race of Prefect's, and `sometimes_reference`, where from
    """

    name: str
    outcome: str
    backlogs: Sequence[str] = ()
    families: Sequence[str] = ()
    doors: Sequence[str] = ()
    versions: str = ""
    role: Role = "server"
    upgraded_to: str = ""
    reference: str = ""
    sometimes: str = ""
    sometimes_reference: str = ""

    def is_of(self, backlog: str, door: Opened, version: str, versions: Mapping[str, str] = _NO_OTHER) -> bool:
        """Whether it speaks of this backlog, this door and these releases, as `Known`, and of this upgrade."""
        opened = door.name in self.doors or door.family in self.families
        staged = not self.backlogs or backlog in self.backlogs  # rule: promise-known-of-a-backlog (without first)
        ranges = [(_of(self.role, version, versions), self.versions)]
        if self.upgraded_to:  # rule: known-upgrades
            ranges.append((versions.get(UPGRADE, ""), self.upgraded_to))
        return staged and opened and all(_is_in(one, range_) for one, range_ in ranges)

    def check(self) -> None:
        """Raises: ValueError for a promise that nobody watches over, or an outcome or a range that there is not."""
        SpecifierSet(self.versions)
        SpecifierSet(self.upgraded_to)
        promises = load_promises()
        if self.name not in promises:
            raise ValueError(str(no_such("promise", self.name, promises)))
        words = (*promises[self.name].breaks, promises[self.name].kept)
        for said in filter(None, (self.outcome, self.sometimes)):
            if said not in words:
                raise ValueError(f"the promise {self.name} is known to be {' or '.join(words)}, not {said!r}")


class KnownTick(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known to become of a single tick beside a door of a plan of chaos (verdict/ticks_at_doors.py).

    becomes   `dropped`: it has no run, and came up to so many `seconds` after the door was answered; `taken twice`: it
              came so, has two runs, and a worker had taken the first as the door was answered; `raced twice`: it has
              two runs, and the first was written from the door on, up to so many seconds after its answer
    families, doors, versions, reference  as in `Known`; the releases are the server's
    """

    becomes: Literal["dropped", "taken twice", "raced twice"]
    seconds: float
    families: Sequence[str] = ()
    doors: Sequence[str] = ()
    versions: str = ""
    reference: str = ""

    def is_of(self, door: Opened, version: str) -> bool:
        """Whether it speaks of this door and this release."""
        opened = door.name in self.doors or door.family in self.families
        return opened and _is_in(version, self.versions)  # rule: known-tick-of-a-door (without last)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of known outcomes: what it is about, and where each is known from that names no other reference."""

    summary: str
    reference: str
    known: Sequence[Known] = ()
    promise: Sequence[KnownPromise] = ()
    tick: Sequence[KnownTick] = ()


def _files() -> Iterator[_File]:
    """Each file, in the order of their names; what is known has the file's reference where it has none of its own.

    Raises: UsageError, naming file and field, for a file that does not say it in this form.
    """
    for path in sorted(file for folder in __path__ for file in Path(folder).glob("*.toml")):
        try:
            said: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            file = msgspec.convert(said, _File)
            for known in file.known:
                SpecifierSet(known.versions)
            for promise in file.promise:
                promise.check()
            for tick in file.tick:
                SpecifierSet(tick.versions)
        except (ValueError, msgspec.ValidationError, InvalidSpecifier) as error:
            raise UsageError(f"{str(path)!r} is no file of known outcomes: {error}.") from None
        yield _File(
            file.summary,
            file.reference,
            [replace(known, reference=known.reference or file.reference) for known in file.known],
            [replace(promise, reference=promise.reference or file.reference) for promise in file.promise],
            [replace(tick, reference=tick.reference or file.reference) for tick in file.tick],
        )


@functools.cache
def load_known() -> Sequence[Known]:
    """All that is known of outcomes, read once a process. Raises: UsageError for a file that is not in this form."""
    return [known for file in _files() for known in file.known]


@functools.cache
def load_known_promises() -> Sequence[KnownPromise]:
    """All that is known of promises, read once a process. Raises: UsageError as `load_known`."""
    return [known for file in _files() for known in file.promise]


@functools.cache
def load_known_ticks() -> Sequence[KnownTick]:
    """All that is known of single ticks beside a door, read once a process. Raises: UsageError as `load_known`."""
    return [known for file in _files() for known in file.tick]


def known_for(backlog: str, door: Opened, version: str, versions: Mapping[str, str] = _NO_OTHER) -> Known | None:
    """What is known of a backlog, a door and a release of the server, and of roles of another; None: nothing."""
    return next((known for known in load_known() if known.is_of(backlog, door, version, versions)), None)


def known_promises(
    backlog: str, door: Opened, version: str, versions: Mapping[str, str] = _NO_OTHER
) -> dict[str, Expectation]:
    """What is known of promises for these, as `known_for`, by the promise's name."""
    return {
        known.name: Expectation(
            outcome=known.outcome,
            reference=known.reference,
            sometimes=known.sometimes,
            sometimes_reference=known.sometimes_reference,
        )
        for known in load_known_promises()
        if known.is_of(backlog, door, version, versions)
    }
