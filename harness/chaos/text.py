"""A plan as text, for a person to read, to keep in a file and to change: YAML, one step a line.

YAML, since a prefect.yaml is one, so that whoever reads a plan knows it, since a step fits on a line of its own there,
and since the library that the harness reads prefect.yaml with also writes it. No word of a plan is one that YAML 1.1
takes for something else (`on`, `no`, 12:30).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from harness.chaos.model import check_plan
from harness.chaos.plans import FORMAT, ChaosPlan
from harness.words.errors import UsageError
from harness.words.files import write_whole

PAGE = "docs/how-to/try-orders-of-events.md"
_LARGEST = 100_000  # bytes of a plan; the longest that can be is a tenth of it
_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$?\.?(?P<place>[^`]*)`)?$", re.DOTALL)


def write_plan(plan: ChaosPlan, path: Path) -> None:
    """Save a plan as text."""
    write_whole(path, as_text(plan))


def as_text(plan: ChaosPlan) -> str:
    """A plan as text; `read_plan` makes the same plan of it."""
    said: dict[str, Any] = msgspec.to_builtins(plan)
    lines = [f"plan: {plan.plan}"]
    alone = [key for key in ("seed", "number", "stand_in", "limit") if key in said]
    lines += [f"{key}: {msgspec.json.encode(said[key]).decode()}" for key in alone]
    for key in ("deployments", "steps"):
        entries = said.get(key) or []
        lines.append(f"{key}:" if entries else f"{key}: []")
        lines += [f"- {_on_one_line(entry)}" for entry in entries]
    return "\n".join(lines) + "\n"


def _on_one_line(entry: dict[str, Any]) -> str:
    return yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=10_000).strip()


def read_plan(path: Path) -> ChaosPlan:
    """The plan in a file. Raises: UsageError, in one to three lines, where there is none that can be carried out."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST} bytes")
        text = content.decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"{str(path)!r} is no plan: {why}.\n{PAGE} has one to copy.") from None
    try:
        return plan_of(text)
    except UsageError as error:
        raise UsageError(f"{str(path)!r}: {error}") from None


def plan_of(text: str) -> ChaosPlan:
    """The plan that a text says. Raises: UsageError as `read_plan`."""
    try:
        said = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        why = getattr(error, "problem", None) or str(error)
        raise UsageError(f"It is no YAML{where}: {' '.join(why.split())}.\n{PAGE} has a plan to copy.") from None
    if isinstance(said, dict) and said.get("plan") != FORMAT and "plan" in said:
        raise UsageError(f"It is a plan of the format {said['plan']!r:.40}; this harness reads format {FORMAT}.")
    if isinstance(said, dict) and said.get("steps", ()) is None:  # each line of it was taken out
        said["steps"] = []
    try:
        plan = msgspec.convert(said, ChaosPlan)
    except (msgspec.ValidationError, RecursionError) as error:
        raise UsageError(f"It is no plan: {_in_words(str(error))}.\n{PAGE} has one to copy.") from None
    check_plan(plan)
    return plan


class _Loader(yaml.SafeLoader):
    """As YAML's own, but that a key that stands twice is refused, and not taken from the second place."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        keys = [key.value for key, _ in node.value]
        if twice := [str(key) for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _in_words(error: str) -> str:
    """msgspec's error, the place first: `steps[0]: Invalid value 'opne'`; the first step has the number 1."""
    found = _PLACE.match(" ".join(error.split()))
    what, place = (found["what"], found["place"]) if found else (error, "")
    what = what[:1].lower() + what[1:]
    if not place:
        return what
    return re.sub(r"\[(\d+)\]", lambda number: f" {int(number[1]) + 1}", place) + f": {what}"
