"""The words by which a person names the schedules of a deployment, and its limit on runs at a time.

    cron 22 2 * * * Europe/Paris day_or false     five fields, or six (the last one is seconds), or @hourly and the like
    interval 5m anchor 2026-01-01T00:00 UTC       s, m, h or d; the anchor may be left out
    rrule FREQ=DAILY;BYHOUR=9 Europe/Paris        with DTSTART and other lines, if they are to be: DTSTART:… RRULE:…
    pinned                                        the harness's own finite rule, which is staged if nothing is named

Each may have a time zone, and after it `slug NAME`, `inactive`, and last of all `parameters {"note": "x"}`. `empty` is
`schedules: []`, and `none` leaves the key out. In an anchor and in a DTSTART, `first` stands for the first tick as the
staging reckons it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter
from dateutil.parser import isoparse
from dateutil.rrule import rrulestr

from harness.words.errors import UsageError
from harness.words.schedules import FIRST, PINNED, Limit, Schedules, Shape

EMPTY, NONE = "empty", "none"
PAGE = "docs/reference/schedules.md"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_OPTIONS = ("anchor", "day_or", "slug", "parameters", "inactive")
_FIELD = re.compile(r"[\d*?,/LlHh-]+$")  # what a sixth field of a cron can be, and a time zone cannot
_RULE = re.compile(r"(DTSTART|RRULE|EXRULE|RDATE|EXDATE)\b|FREQ=", re.IGNORECASE)
_STRATEGIES = ("ENQUEUE", "CANCEL_NEW")


def parse_schedules(words: Sequence[str]) -> Schedules:
    """The schedules that these words name, one each; without any, the harness's own.

    Raises: UsageError, in one to three lines, for words that name no schedule.
    """
    if not words:
        return Schedules()
    plain = [" ".join(each.split()) for each in words]
    for whole, is_written in ((EMPTY, True), (NONE, False)):
        if whole in plain:
            if len(plain) > 1:
                raise UsageError(f"The schedule {whole!r} means that there is none: name no other beside it.")
            return Schedules((), is_written)
    shapes = tuple(parse_schedule(each) for each in words)
    slugs = [shape.slug for shape in shapes if shape.slug]
    if twice := [slug for slug in slugs if slugs.count(slug) > 1]:
        raise UsageError(f"Two schedules have the slug {twice[0]!r}. Give each its own.")
    return Schedules(shapes)


def parse_schedule(text: str) -> Shape:
    """The schedule that these words name. Raises: UsageError as `parse_schedules` does."""
    before, told, after = text.partition(" parameters ")
    kind, *words = before.replace("\\n", "\n").split() or [""]
    readers: dict[str, Callable[[list[str], str], dict[str, Any]]] = {
        PINNED: lambda _words, _text: {},
        "cron": _read_cron,
        "interval": _read_interval,
        "rrule": _read_rrule,
    }
    if kind not in readers:
        names = ", ".join([*readers, EMPTY, NONE])
        raise _wrong(text, f"it begins with {kind!r}, and a schedule with one of {names}")
    facts: dict[str, Any] = {"kind": kind, **readers[kind](words, text)}
    while words:
        if words[0] in _OPTIONS or "timezone" in facts:
            facts |= _read_option(kind, words, text)
        else:
            facts["timezone"] = _zone(words.pop(0), text)
    if told:
        facts["parameters"] = _json(after, text)
    shape = Shape(**facts)
    _check(shape, text)
    return shape


def parse_limit(text: str) -> Limit | None:
    """The limit that these words name: `1`, `1 CANCEL_NEW`, `2 ENQUEUE grace 60`; None for no words.

    Raises: UsageError in one to three lines.
    """
    found = re.fullmatch(r"\s*(\d+)(?:\s+([A-Z_]+))?(?:\s+grace\s+(\d+))?\s*", text)
    if not text.strip():
        return None
    if not found or not int(found[1]) or (found[2] and found[2] not in _STRATEGIES):
        raise UsageError(
            f"There is no concurrency limit {text!r}.\n"
            f"Name a number from 1 on, and after it, if you like, {' or '.join(_STRATEGIES)}, and `grace SECONDS`: "
            "'1 CANCEL_NEW grace 60'."
        )
    return Limit(limit=int(found[1]), collision_strategy=found[2] or "", grace_period_seconds=int(found[3] or 0))


def _wrong(text: str, why: str) -> UsageError:
    plain = " ".join(text.split())
    return UsageError(
        f"There is no schedule {plain!r}: {why}.\nExamples are 'cron 22 2 * * * Europe/Paris' and "
        f"'interval 5m anchor 2026-01-01T00:00'; {PAGE} has all."
    )


def _read_cron(words: list[str], text: str) -> dict[str, Any]:
    number = 1 if words[:1] and words[0].startswith("@") else 5
    fields, words[:] = words[:number], words[number:]
    if number > 1 and words and _FIELD.match(words[0]):
        fields.append(words.pop(0))
    rule = " ".join(fields)
    if not croniter.is_valid(rule):
        raise _wrong(text, f"{rule!r} is no cron of five fields")
    return {"rule": rule}


def _read_interval(words: list[str], text: str) -> dict[str, Any]:
    said = words.pop(0) if words else ""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", said)
    if not found or not float(found[1]):
        raise _wrong(text, f"{said!r} is no interval such as 30s, 5m, 1h or 1d")
    return {"seconds": float(found[1]) * _UNITS[found[2] or "s"]}


def _read_rrule(words: list[str], text: str) -> dict[str, Any]:
    lines = []
    while words and _RULE.match(words[0]):
        lines.append(words.pop(0))
    rule = "\n".join(lines)
    try:
        rrulestr(rule.replace(f"DTSTART:{FIRST}", "DTSTART:20260101T000000"))
    except (ValueError, TypeError, AttributeError) as error:
        raise _wrong(text, f"{rule!r} is no RRULE ({error})") from None
    return {"rule": rule}


def _read_option(kind: str, words: list[str], text: str) -> dict[str, Any]:
    name = words.pop(0)
    if name == "inactive":
        return {"active": False}
    only_for = {"anchor": "interval", "day_or": "cron"}.get(name, kind)
    if name not in _OPTIONS or only_for != kind:
        raise _wrong(text, f"a schedule by {kind} has no {name!r}")
    if not words:
        raise _wrong(text, f"{name!r} has no value")
    value = words.pop(0)
    if name == "day_or":
        if value not in ("true", "false"):
            raise _wrong(text, f"day_or is true or false, not {value!r}")
        return {"day_or": value == "true"}
    if name == "anchor" and value != FIRST:
        try:
            isoparse(value)
        except ValueError:
            raise _wrong(text, f"the anchor {value!r} is no time such as 2026-01-01T00:00") from None
    return {name: value}


def _zone(name: str, text: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise _wrong(text, f"{name!r} is no time zone such as Europe/Paris") from None
    return name


def _json(said: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(said)
    except ValueError:
        found = None
    if not isinstance(found, Mapping):
        raise _wrong(text, f"the parameters {said.strip()!r} are no JSON object")
    return dict(found)


def _check(shape: Shape, text: str) -> None:
    if shape.kind == PINNED and shape.timezone:
        raise _wrong(text, "the harness's own rule is in UTC")


# What the page of the vocabulary shows: the words, and what they are for.
EXAMPLES: Sequence[tuple[str, str]] = (
    ("pinned", "the harness's own finite rule; what is staged if nothing is named"),
    ("cron 22 2 * * * Europe/Paris", "a cron in a time zone"),
    ("cron 0 9 1 * MON UTC day_or false", "a cron whose day of the month and day of the week must both fit"),
    ("cron * * * * * */2", "a cron with seconds as its sixth field"),
    ("interval 5m", "an interval without an anchor: Prefect takes the moment of each deploy"),
    ("interval 1d anchor 2026-01-01T09:00:00 Europe/Paris", "an interval with an anchor and a time zone"),
    ("interval 2s anchor first", "an interval whose anchor is the first tick as the staging reckons it"),
    ("rrule FREQ=MINUTELY;INTERVAL=5 America/New_York", "an RRULE without DTSTART"),
    (
        "rrule DTSTART:first RRULE:FREQ=SECONDLY;INTERVAL=2;COUNT=4 Europe/Paris",
        "a finite RRULE that begins with the first tick, in local time",
    ),
    ("rrule DTSTART:20260101T090000 RRULE:FREQ=DAILY EXDATE:20260102T090000 UTC", "an RRULE of several lines"),
    ('cron 0 3 * * * UTC slug nightly parameters {"note": "night"}', "with a slug and with parameters"),
    ("cron 0 3 * * * inactive", "one that is not active"),
    ("empty", "`schedules: []`"),
    ("none", "no key `schedules` at all"),
)
LIMITS: Sequence[tuple[str, str]] = (
    ("1", "a number"),
    ("1 CANCEL_NEW", "with a collision strategy"),
    ("2 ENQUEUE grace 60", "with a collision strategy and a grace period"),
)
