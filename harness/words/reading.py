"""Reads a record out of JSON. An error names the file, the place in it, what belongs there, and what stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from harness.words.errors import UsageError

T = TypeVar("T")

_EXPECTED = re.compile(r"^Expected `(?P<kinds>[^`]+)`, got `(?P<got>[^`]+)`")
_MISSING = re.compile(r"^Object missing required field `(?P<field>[^`]+)`")
_PLACE = re.compile(r" - at `(?P<place>[^`]*)`$")
_STEP = re.compile(r"\.(?P<field>\w+)|\[(?P<number>\d+|\.\.\.)\]")
_TRIAL = re.compile(r"^\.trials\[(?P<number>\d+)\]")
_IN_WORDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "an object", "null": "null",
}  # fmt: skip
_LONGEST = 40  # characters of a wrong value that an error quotes


def converted(kind: type[T], found: Any) -> T:
    """What was read from JSON, as a record. Raises: ValueError where it is not one."""
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:  # what is not text (half of a surrogate pair) is a ValueError already
        raise ValueError(str(error)) from error


def read_as(kind: type[T], found: Any, file: Path) -> T:
    """What was read from a file of JSON, as a record. Raises: UsageError, naming the place, where it is not one."""
    try:
        return converted(kind, found)
    except ValueError as error:
        raise UsageError(
            f"{_said(str(error), found, file)}\nThe file was changed, or another program wrote it. "
            "Name one that this harness wrote."
        ) from None


def _said(error: str, found: Any, file: Path) -> str:
    """msgspec's error for a person: `results.json, trial 3: "seconds" must be a number, not 'x'.`"""
    at = _PLACE.search(error)
    place = at["place"].removeprefix("$") if at else ""
    where = str(file)
    if trial := _TRIAL.match(place):
        where += f", trial {int(trial['number']) + 1}"
    field = place[trial.end() if trial else 0 :].lstrip(".")
    if missing := _MISSING.match(error):
        return f"{where}: `{'.'.join(filter(None, (field, missing['field'])))}` is missing."
    if expected := _EXPECTED.match(error):
        kinds = " or ".join(_IN_WORDS.get(kind, kind) for kind in expected["kinds"].split(" | "))
        said = f"must be {kinds}, not {_value(found, place, expected['got'])}."
        return f"{where}: `{field}` {said}" if field else f"{where}: it {said}"
    return f"{where}: {error}."


def _value(found: Any, place: str, got: str) -> str:
    """The value at a place, as JSON has it; where msgspec does not name the whole way, what kind of value it is."""
    for step in _STEP.finditer(place):
        if step["number"] == "...":
            return _IN_WORDS.get(got, got)
        found = found[step["field"] if step["field"] else int(step["number"])]
    if isinstance(found, dict | list):
        return _IN_WORDS[got]
    said = {None: "null", True: "true", False: "false"}.get(found) if isinstance(found, bool | None) else repr(found)
    return f"{said:.{_LONGEST}}"
