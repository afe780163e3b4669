"""What a promise has to be to be believed: asked of a whole history alone, and held against the twin.

A checker that watches over a promise says in `PROMISE` what must hold, and returns `promised(events, look)`. Its `look`
finds what breaks the promise, on both sides alike; whether that counts is said here, for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from harness.checkers._check import Check
from harness.checkers._trial import came_to_its_end, is_absolute
from harness.history import of_kind
from harness.words.events import Event, Unreadable
from harness.words.outcomes import BROKEN, HELD, INCONCLUSIVE
from harness.words.promises import Breach, Promise


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a promise was held against.

    held      that nothing breaks it, as a sentence without its full stop: how many things were looked at
    broken    that the treated deployment breaks it, as another; empty: the first of its breaches
    breaches  what breaks it, on either side
    doubt     why it cannot be told whether it is broken; empty where it can
    kept      the checker's word for a promise that was kept, and `breaks`, for one that was broken as this one is
    found     what a verdict rests on, for whoever shows it; without a verdict nobody does
    shared    what is looked at hits both sides alike, so that neither is a control, and a breach of either counts
    """

    held: str = ""
    broken: str = ""
    breaches: Sequence[Breach] = ()
    doubt: str = ""
    kept: str = HELD
    breaks: str = BROKEN
    found: Any = None
    shared: bool = False


def promised(events: Sequence[Event], look: Callable[[Sequence[Event]], Seen | None]) -> Check:
    """The promise as `look` sees it; without a promise where it finds nothing to look at (None)."""
    if unreadable := of_kind(events, Unreadable):  # rule: promise-garbled-says-nothing
        return _unclear(f"the history holds a line that cannot be read: {unreadable[0].problem}")
    if not came_to_its_end(events):  # rule: promise-cut-short-says-nothing
        return _unclear("the trial did not come to its end")
    seen = look(events)
    if seen is None:
        return Check()
    promise = weighed(seen, has_control=not is_absolute(events))
    return Check(promise=promise, found=None if promise.outcome == INCONCLUSIVE else seen.found)


def weighed(seen: Seen, *, has_control: bool) -> Promise:
    """What it comes to; a twin that the door hit, too, is no control, and then the treated deployment alone says."""
    if seen.shared:  # rule: promise-shared (never)
        treated, twin = [*seen.breaches], list[Breach]()
    else:
        treated, twin = ([breach for breach in seen.breaches if breach.side == side] for side in ("treated", "twin"))
    # rule: promise-twin-breaks-it-too (never), promise-absolute (without last)
    if twin and has_control:
        said = f"the twin, which nobody touched, breaks it: {_first(twin)}"
        return Promise(outcome=INCONCLUSIVE, reason=said, breaches=seen.breaches)
    if seen.doubt:  # rule: promise-doubt
        return Promise(outcome=INCONCLUSIVE, reason=seen.doubt, breaches=seen.breaches)
    if treated:
        return Promise(outcome=seen.breaks, reason=seen.broken or _first(treated), breaches=treated)
    return Promise(outcome=seen.kept, reason=seen.held)


def _first(breaches: Sequence[Breach]) -> str:
    """The first of them as a sentence, and how many there are beside it."""
    first, *more = breaches
    subject = f"run {first.run} " if first.run else ""
    return f"{subject}{first.what}" + (f"; {len(more)} more like it" if more else "")


def _unclear(why: str) -> Check:
    return Check(promise=Promise(outcome=INCONCLUSIVE, reason=why))
