"""Pure functions from a history to a check: one file a checker. A new file is part of every verdict.

A checker is a module of this folder with `check(events)`, which returns a `Check` (harness/checkers/_check.py). The
first line of its docstring says what it looks at. Checkers know nothing of versions, and nothing of each other: the
worst outcome is the trial's. Files whose names begin with `_` are what checkers have in common.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import msgspec

from harness.checkers._check import Check
from harness.words.events import Event
from harness.words.rooms import first_line, modules_of

__all__ = ["Check", "Checker", "load_checkers"]


class Checker(msgspec.Struct, frozen=True):
    """A checker by its name; `summary` is what it looks at, in one line."""

    name: str
    summary: str
    check: Callable[[Sequence[Event]], Check]


@functools.cache
def load_checkers() -> dict[str, Checker]:
    """All of them by name, in alphabetical order; read once a process."""
    return {
        name: Checker(name, first_line(module).rstrip(".") or name, module.check)
        for name, module in modules_of(__name__, __path__)
    }
