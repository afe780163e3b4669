"""What one checker says of a history, and how the words of several become one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from harness.words.outcomes import ALTERED, ERROR, INCONCLUSIVE, LOST, STRANDED, SURVIVED
from harness.words.promises import Promise


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One checker's word.

    outcome  what it comes to, of `harness.words.outcomes`; None: nothing that it looks at stands against a verdict
    reason   why, as a sentence without its full stop
    yields   of an `inconclusive`: it could not be shown that all is well, but what another checker found (a lost run)
             was found all the same
    source   the part of the lab whose log explains it, and the end of that `log`
    found    what it rests on, for whoever shows it
    promise  of a checker that watches over a promise (_promise.py): whether it was kept, a verdict of its own beside
             the outcome; None: there was nothing to look at
    """

    outcome: str | None = None
    reason: str = ""
    yields: bool = False
    source: str = ""
    log: str = ""
    found: Any = None
    promise: Promise | None = None


_WORST_FIRST = (
    (ERROR, False),
    (INCONCLUSIVE, False),
    (LOST, False),  # rule: worst-checker-counts (later)
    (ALTERED, False),
    (STRANDED, False),
    (INCONCLUSIVE, True),
    (SURVIVED, False),
)


def compose(checks: Iterable[Check]) -> Check:
    """The worst of several, with the reasons of all that are as bad; `error` where none had an outcome."""
    spoken = [check for check in checks if check.outcome]
    if not spoken:
        return Check(outcome=ERROR, reason="no checker came to an outcome")
    worst = min(spoken, key=_rank)
    alike = [check for check in spoken if _rank(check) == _rank(worst)]
    return msgspec.structs.replace(worst, reason="; ".join(check.reason for check in alike))


def _rank(check: Check) -> int:
    return _WORST_FIRST.index((check.outcome or "", check.yields))
