"""What was done to a part of the lab, as an event of a history (events.py has the others)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from harness.words.events import Event
from harness.words.facts import Answer, Deployment, FlowRun, PartSeen
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


class CameBack(Event, frozen=True, kw_only=True, tag="came-back"):
    """Whether the server was ready again once what was done to it or to its database was over.

    of              what that was done to, and `fault`: what it was
    ready           whether it was healthy, and answered for a deployment
    seconds, within  how long that took, and how long it might take
    reason          what was seen last, where it was not ready
    """

    of: Of
    fault: str
    ready: bool
    seconds: float
    within: float
    reason: str = ""


class ReadBack(Event, frozen=True, kw_only=True, tag="read-back"):
    """What the API said of a plan's deployments, and of their runs that were due, before and after an interruption.

    created  ids of the runs that were created just before it, by a call that was answered with 2xx
    answers  after: the look-ups of runs that it said before and does not list any more
    states   after: the ids of all states of each run whose state is another by now
    """

    when: Literal["before", "after"]
    fault: str
    deployments: list[Deployment]
    runs: list[FlowRun]
    created: Sequence[str] = ()
    answers: Sequence[Answer] = ()
    states: Mapping[str, Sequence[str]] = msgspec.field(default_factory=dict)
