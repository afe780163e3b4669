"""The schedules of a deployment, and its limit on runs at a time, as prefect.yaml has them.

`schedule_words.py` reads them from the words of a person.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

PINNED, FIRST = "pinned", "first"


class Shape(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One schedule.

    rule      the fields of a cron, or the lines of an RRULE
    seconds   of an interval, and its `anchor`: a time as text, `first`, or empty for none
    timezone  by its IANA name; empty: none is written
    """

    kind: Literal["pinned", "cron", "interval", "rrule"]
    rule: str = ""
    seconds: float = 0
    anchor: str = ""
    day_or: bool = True
    timezone: str = ""
    slug: str = ""
    parameters: dict[str, Any] = {}
    active: bool = True

    @property
    def is_counted(self) -> bool:
        """Whether it names a fixed number of ticks, and then ends."""
        return self.kind == PINNED or (self.kind == "rrule" and "COUNT=" in self.rule.upper())

    @property
    def starts_at_first(self) -> bool:
        """Whether its ticks begin with the first tick that the staging reckons."""
        return self.kind == PINNED or self.anchor == FIRST or f"DTSTART:{FIRST}" in self.rule

    def definition(self, first: datetime, pinned: str) -> dict[str, Any]:
        """What prefect.yaml says of it; `pinned` is the harness's own rule, and `first` that rule's first tick."""
        local = first.astimezone(ZoneInfo(self.timezone or "UTC"))
        said: dict[str, Any] = {}
        match self.kind:
            case "pinned":
                said = {"rrule": pinned, "timezone": "UTC"}
            case "cron":
                said = {"cron": self.rule}
            case "interval":
                said = {"interval": int(self.seconds) if self.seconds == int(self.seconds) else self.seconds}
            case "rrule":
                said = {"rrule": self.rule.replace(f"DTSTART:{FIRST}", f"DTSTART:{local:%Y%m%dT%H%M%S}")}
        if self.timezone:
            said["timezone"] = self.timezone
        if self.anchor:
            said["anchor_date"] = first.astimezone(timezone.utc).isoformat() if self.anchor == FIRST else self.anchor
        if not self.day_or:
            said["day_or"] = False
        if self.parameters:
            said["parameters"] = self.parameters
        if self.slug:
            said["slug"] = self.slug
        return said if self.active else {**said, "active": False}

    @property
    def words(self) -> str:
        """The words that name it."""
        seconds = f"{int(self.seconds) if self.seconds == int(self.seconds) else self.seconds}s"
        said = {PINNED: [], "interval": [seconds]}.get(self.kind, self.rule.split("\n"))
        zone = [self.timezone] if self.timezone else []
        anchor = ["anchor", self.anchor] if self.anchor else []
        day_or = [] if self.day_or else ["day_or", "false"]
        slug = ["slug", self.slug] if self.slug else []
        parameters = ["parameters", json.dumps(self.parameters)] if self.parameters else []
        inactive = [] if self.active else ["inactive"]
        return " ".join([self.kind, *said, *zone, *anchor, *day_or, *slug, *inactive, *parameters])


def in_words(definition: Mapping[str, Any]) -> str:
    """A schedule in a few words, the same of a file's and of the server's: without what a deployer adds."""
    zone = definition.get("timezone") or "UTC"
    if cron := definition.get("cron"):
        return f"cron {cron} {zone}" + ("" if definition.get("day_or", True) else " day_or false")
    if interval := definition.get("interval"):
        return f"interval {f'{interval:g}s' if isinstance(interval, int | float) else interval} {zone}"
    if not (rule := definition.get("rrule")):
        return str(definition)
    lines = [line for line in str(rule).split() if not line.upper().startswith("DTSTART")]
    return f"rrule {' '.join(lines).removeprefix('RRULE:')} {zone}"


class Schedules(msgspec.Struct, frozen=True):
    """All schedules of a deployment. `is_written`: whether prefect.yaml has the key `schedules`."""

    shapes: tuple[Shape, ...] = (Shape(kind="pinned"),)
    is_written: bool = True

    @property
    def active(self) -> tuple[Shape, ...]:
        """Those that make runs."""
        return tuple(shape for shape in self.shapes if shape.active)

    @property
    def is_pinned(self) -> bool:
        """Whether the harness's own rule is among those that make runs: then its ticks are known beforehand."""
        return any(shape.kind == PINNED for shape in self.active)

    @property
    def starts_at_first(self) -> bool:
        """Whether one of those that make runs begins with the first tick that the staging reckons."""
        return any(shape.starts_at_first for shape in self.active)

    @property
    def ends(self) -> bool:
        """Whether there comes a last run."""
        return all(shape.is_counted for shape in self.active)

    def with_slug(self, slug: str) -> Schedules:
        """The same, the first one having this slug."""
        first = [msgspec.structs.replace(shape, slug=slug) for shape in self.shapes[:1]]
        return msgspec.structs.replace(self, shapes=(*first, *self.shapes[1:]))

    def as_yaml(self, first: datetime, pinned: str) -> str:
        """The lines of a deployment in prefect.yaml, all but the first indented. Arguments: as of `definition`."""
        if not self.is_written:
            return ""
        lines = [""] if self.shapes else [" []"]
        for shape in self.shapes:
            said = [f"{key}: {json.dumps(value)}" for key, value in shape.definition(first, pinned).items()]
            lines += [f"      - {said[0]}", *(f"        {each}" for each in said[1:])]
        return "schedules:" + "\n".join(lines)


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment's limit on runs at a time: a number, or, with a strategy or a grace period, a mapping."""

    limit: int
    collision_strategy: str = ""
    grace_period_seconds: int = 0

    def as_yaml(self) -> str:
        """The line of a deployment in prefect.yaml."""
        said = {"limit": self.limit, "collision_strategy": self.collision_strategy}
        said |= {"grace_period_seconds": self.grace_period_seconds}
        more = {key: value for key, value in said.items() if value}
        return f"concurrency_limit: {json.dumps(more) if len(more) > 1 else self.limit}"

    @property
    def words(self) -> str:
        """The words that name it."""
        grace = f"grace {self.grace_period_seconds}" if self.grace_period_seconds else ""
        return " ".join(filter(None, [str(self.limit), self.collision_strategy, grace]))
