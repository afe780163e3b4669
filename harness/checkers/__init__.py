"""Pure functions from a history to a check: one file a checker. A new file is part of every verdict.

A checker is a module of this folder with `check(events)`, which returns a `Check` (harness/checkers/_check.py). The
first line of its docstring says what it looks at. Checkers know nothing of versions, and nothing of each other: the
worst outcome is the trial's. Files whose names begin with `_` are what checkers have in common.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from types import ModuleType

import msgspec

from harness.checkers._check import Check
from harness.words.events import Event

__all__ = ["Check", "Checker", "load_checkers"]


class Checker(msgspec.Struct, frozen=True):
    """A checker by its name; `summary` is what it looks at, in one line."""

    name: str
    summary: str
    check: Callable[[Sequence[Event]], Check]


@functools.cache
def load_checkers() -> dict[str, Checker]:
    """All of them by name, in alphabetical order; read once a process."""
    found = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
             if not module.name.startswith("_"))  # fmt: skip
    return {one.name: one for one in map(_checker, found)}


def _checker(module: ModuleType) -> Checker:
    summary = (module.__doc__ or module.__name__).splitlines()[0].rstrip(".")
    return Checker(module.__name__.rpartition(".")[2], summary, module.check)
