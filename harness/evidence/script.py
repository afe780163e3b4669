"""The script that reproduces a trial's fault with Prefect alone: its name, which trials have one, and its text."""

from __future__ import annotations

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.words.names import PREFECT_DEPLOY
from harness.words.plan import Cell

NAME = "reproduce.py"
# Of a state at risk: what its runs do, how a schedule makes them so, and whether a slot is what they wait for.
_STATES = {
    "Late": ("are late", "that no worker takes", False),
    "AwaitingConcurrencySlot": ("await a slot", "that wait while one holds the only slot", True),
}


def can_be_told(cell: Cell, state: str) -> bool:
    """Whether a script stages it: one of two states, through `prefect deploy`, on a release that PyPI alone brings."""
    of_pypi = cell.subject in (cell.version, "latest") and not cell.versions
    return cell.door == PREFECT_DEPLOY and state in _STATES and of_pypi


def script(cell: Cell, state: str) -> str:
    """The script of a trial whose runs at risk were in this state; empty where none can stage it."""
    if not can_be_told(cell, state):
        return ""
    what, stage, slot = _STATES[state]
    values = {"version": cell.version, "day": cell.as_of, "state": state, "what": what, "stage": stage, "slot": slot}
    return rendered("reproduce.py.j2", values)


def rendered(template: str, values: Mapping[str, object]) -> str:
    """A template of a script with its values filled in."""
    environment = Environment(
        loader=PackageLoader("harness.evidence"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - it is Python, and what is filled in is a version, a day and our own words
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)
