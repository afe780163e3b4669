"""What was done to a part of the lab, as an event of a history (events.py has the others)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.words.events import Event
from harness.words.facts import PartSeen
from harness.words.proof import Of, What


class PartActed(Event, frozen=True, kw_only=True, tag="part"):
    """What was done to a part of the lab or to a process, and how the engine saw it `before` and `after` that.

    what, of  as in harness/words/proof.py (Deed)
    node      the name of the part
    run       of a flow run's own process: the run
    runs      the flow runs whose flow was being executed there, and was ended with it
    """

    what: What
    of: Of
    node: str
    before: PartSeen
    after: PartSeen
    run: str | None = None
    runs: Sequence[str] = ()
