"""Whether the server was ready again once it, or its database, had been interrupted."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checkers._check import Check
from harness.checkers._trial import came_to_its_end
from harness.history import of_kind
from harness.words.events import Event, Unreadable
from harness.words.outcomes import BROKEN, HELD, INCONCLUSIVE
from harness.words.part_events import CameBack
from harness.words.promises import Promise

PROMISE = (
    "Once an interruption of the server or of its database is over, the server is ready again within its deadline."
)
STANDS = True  # a server that does not come back leaves the trial without a verdict


def check(events: Sequence[Event]) -> Check:
    """Broken by a server that was not healthy, or answered for no deployment, within the deadline of its start."""
    if of_kind(events, Unreadable):
        return _said(INCONCLUSIVE, "the history holds a line that cannot be read")
    back = of_kind(events, CameBack)
    for one in back:
        if not one.ready:  # rule: comeback-in-time
            said = f"the server was not ready within {one.within:.0f} s after {one.fault}: {one.reason}"
            return _said(BROKEN, said)
    if not came_to_its_end(events):  # rule: comeback-is-seen
        return _said(INCONCLUSIVE, "the trial did not come to its end")
    if not back:
        return Check()
    longest = max(one.seconds for one in back)
    return _said(HELD, f"the server was ready again each of {len(back)} times, after {longest:.1f} s at the most")


def _said(outcome: str, reason: str) -> Check:
    return Check(promise=Promise(outcome=outcome, reason=reason))
