"""The records of promises: what must hold whatever happens, and whether a trial shows that it did."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

# Where the expectation is from that a gate has of every trial's promises. It makes no success by itself.
HELD_TO_IT = "held to it, whatever is known"


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that breaks a promise.

    side  treated or twin
    what  what it did, as the end of a sentence
    run   the flow run's id, the subject of that sentence; empty where no single run is
    at    the tick of that run, or when it was; empty where there is no such time
    """

    side: str
    what: str
    run: str = ""
    at: str = ""


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a promise.

    outcome    that it comes to, and `reference`, where that is known from
    sometimes  what it comes to instead now and then, by a race of Prefect's, and `sometimes_reference`, where from
    """

    outcome: str
    reference: str = ""
    sometimes: str = ""
    sometimes_reference: str = ""


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What a checker says of the promise that it watches over.

    outcome   held, broken or inconclusive; a checker that tells ways to break it apart has words of its own (KEPT,
              BREAKS)
    reason    the outcome in one sentence
    breaches  what breaks it
    """

    outcome: str
    reason: str
    breaches: Sequence[Breach] = ()


class PromiseResult(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a promise was kept: a verdict of its own beside the trial's outcome.

    outcome      held, broken or inconclusive, or the checker's own word for it
    expected     the outcome known for this release; null where none is known
    as_expected  null where nothing is expected, or it could not be judged
    reason       the outcome in one sentence
    reference    where `expected` is known from
    sometimes    the reference of a known race, if it came to what that race makes of it; else empty
    """

    outcome: str
    expected: str | None
    as_expected: bool | None
    reason: str
    reference: str = ""
    sometimes: str = ""
