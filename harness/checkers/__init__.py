"""Pure functions from a history to a check: one file a checker. A new file is part of every verdict.

A checker is a module of this folder with `check(events)`, which returns a `Check` (harness/checkers/_check.py). The
first line of its docstring says what it looks at. Checkers know nothing of versions, and nothing of each other: the
worst outcome is the trial's. One that sets `PROMISE`, a sentence that must hold whatever happens, watches over that
promise (harness/checkers/_promise.py): what it says stands beside the outcome, and never changes it. `KEPT` and
`BREAKS` are its words for a promise that was kept, and for the ways to break it, if they are not held and broken. With
`JUDGES` a scenario may be judged by it (`judged_by`); elsewhere nothing is expected of it. With `STANDS` what it says
stands where the trial has no verdict. Files whose names begin with
`_` are what checkers have in common.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import msgspec

from harness.checkers._check import Check
from harness.checkers._promise import Seen, promised
from harness.words.events import Event
from harness.words.outcomes import BROKEN, HELD
from harness.words.promises import Breach
from harness.words.rooms import first_line, modules_of

__all__ = ["Breach", "Check", "Checker", "Seen", "load_checkers", "load_promises", "promised"]


class Checker(msgspec.Struct, frozen=True):
    """A checker by its name.

    summary  what it looks at, in one line
    promise  what must hold, of one that watches over a promise; else empty
    kept     its word for a promise that was kept, and `breaks`, those for one that was broken
    judges   it is a promise by which a scenario may be judged, and is expected only of such a one
    stands   what it says stands though the trial has no verdict
    """

    name: str
    summary: str
    check: Callable[[Sequence[Event]], Check]
    promise: str = ""
    kept: str = HELD
    breaks: Sequence[str] = (BROKEN,)
    judges: bool = False
    stands: bool = False


@functools.cache
def load_checkers() -> dict[str, Checker]:
    """All of them by name, in alphabetical order; read once a process."""
    return {
        name: Checker(
            name,
            first_line(module).rstrip(".") or name,
            module.check,
            getattr(module, "PROMISE", "").rstrip("."),
            getattr(module, "KEPT", HELD),
            getattr(module, "BREAKS", (BROKEN,)),
            getattr(module, "JUDGES", False),
            getattr(module, "STANDS", False),
        )
        for name, module in modules_of(__name__, __path__)
    }


def load_promises() -> dict[str, Checker]:
    """The checkers that watch over a promise, by name."""
    return {name: checker for name, checker in load_checkers().items() if checker.promise}
