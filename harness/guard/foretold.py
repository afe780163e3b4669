"""What would become of waiting runs through a door, on a release: by what is known, and by what trials measured.

What is known is of Prefect's own word or of a finding, with its reference (harness/known). What was measured is of the
survey of releases (docs/atlas.json), with its day; `python docs/reference.py` writes measured.json from it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from packaging.version import Version

from harness.guard.runs import USER_CREATED
from harness.known import Opened, known_for
from harness.words.outcomes import LOST, SURVIVED

UNKNOWN = "unknown"
_LEAVES_THEM = "update"  # the family of doors of which it is known that they leave whatever a person scheduled


@dataclass(frozen=True)
class Foretold:
    """What is said of a kind of backlog and a door: `outcome`, or UNKNOWN; why, with a reference or a day."""

    door: str
    outcome: str
    why: str

    @property
    def is_harm(self) -> bool:
        """Whether runs would not be kept as they are."""
        return self.outcome not in (SURVIVED, UNKNOWN)


@dataclass(frozen=True)
class Measured:
    """What trials of a release came to, all alike: their outcome, and the day of the last."""

    outcome: str
    day: date


def foretold(kind: str, door: Opened, version: str, *, is_held: bool = False) -> Foretold:
    """What is said of runs of this kind through this door, on this release of the server.

    is_held  whether they wait for a slot or a retry: of such runs that a person made, a deletion is not known
    """
    if not _is_release(version):  # rule: guard-releases-alone
        return Foretold(door.name, UNKNOWN, f"{version} is no published release")
    if kind == USER_CREATED and is_held and door.family != _LEAVES_THEM:  # rule: guard-held-user-created
        return Foretold(door.name, UNKNOWN, "nothing is known of runs that a person made and that wait for a slot")
    known = known_for(kind, door, version)
    measured = measured_for(kind, door.name, version)
    says = f"known: {known.reference}" if known else ""
    tried = f"measured {measured.day}" if measured else ""
    if known and measured and known.outcome != measured.outcome:  # rule: guard-known-against-measured
        why = f"{says} says {known.outcome}; {tried}: {measured.outcome}"
        both = (known.outcome, measured.outcome)
        return Foretold(door.name, LOST if LOST in both else UNKNOWN, why)
    if not known and not measured:
        return Foretold(door.name, UNKNOWN, f"nothing is known of it on {version}")
    outcome = known.outcome if known else measured.outcome if measured else UNKNOWN
    return Foretold(door.name, outcome, "; ".join(filter(None, (says, tried))))


def measured_for(kind: str, door: str, version: str) -> Measured | None:
    """What was measured of a kind of backlog and a door on this very release; None: nothing, or not always the same."""
    found = [
        Measured(row[2], date.fromisoformat(row[3])) for row in _measured().get(version, ()) if row[:2] == (kind, door)
    ]
    if len({one.outcome for one in found}) != 1:  # rule: guard-measured-alike (never)
        return None
    return max(found, key=lambda one: one.day)


@functools.cache
def _measured() -> Mapping[str, Sequence[tuple[str, str, str, str]]]:
    """By release: kind of backlog, door, outcome, day."""
    said = json.loads((files("harness.guard") / "measured.json").read_text(encoding="utf-8"))
    found: dict[str, list[tuple[str, str, str, str]]] = {}
    for one in said["measured"]:
        for version in one["versions"]:
            found.setdefault(version, []).append((one["backlog"], one["door"], one["outcome"], one["day"]))
    return found


def _is_release(version: str) -> bool:
    """Whether a version was published as final: a commit after it (`3.3.3+12.gabc`) may have a fix, or a new fault."""
    found = Version(version)
    return not (found.is_prerelease or found.local)
