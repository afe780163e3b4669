"""Whether the trial came to its end: nothing broke, nothing was cut short, and the lab worked before it was hurt."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checkers._check import Check
from harness.checkers._trial import is_whole
from harness.history import of_kind, opening_of
from harness.words.events import HISTORY_SCHEMA, Broken, Event, Phase, SteadyState
from harness.words.outcomes import ERROR, INCONCLUSIVE


def check(events: Sequence[Event]) -> Check:
    """`error` where something broke or was cut short; `inconclusive` where the lab never worked."""
    opening = opening_of(events)
    if opening and opening.schema > HISTORY_SCHEMA:  # rule: newer-schema-refused
        said = f"the history has schema {opening.schema}; this harness reads up to {HISTORY_SCHEMA}: take a newer one"
        return Check(outcome=ERROR, reason=said)
    # An `error` outweighs a trial that merely could not be judged.
    # rule: error-outweighs-no-steady-state (opposite)
    for broken in sorted(of_kind(events, Broken), key=lambda event: event.inconclusive):  # rule: error-lab-broke
        outcome, said = INCONCLUSIVE if broken.inconclusive else ERROR, f"in phase {broken.phase}: {broken.reason}"
        return Check(outcome=outcome, reason=said, source=broken.source, log=broken.log)
    if opening is None:
        return Check(outcome=ERROR, reason="the history does not say what was tried")
    if not is_whole(events):  # rule: cut-short-has-no-verdict
        phases = of_kind(events, Phase)
        phase = phases[-1].phase if phases else "start"
        return Check(outcome=ERROR, reason=f"the trial was cut short in phase {phase}")  # rule: error-cut-short (skip)
    if not of_kind(events, SteadyState):  # rule: steady-state-shown
        return Check(outcome=INCONCLUSIVE, reason="the steady state was never shown")
    return Check()
