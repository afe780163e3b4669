"""The work queue's limit is 1, and one run holds it, waiting for a signal; a worker is alive."""

from __future__ import annotations

from harness.faults._fault import Fault, System
from harness.faults._limits import hold_and_limit, release

_QUEUE = "/work_pools/{pool}/queues/default"


def limit(system: System) -> None:
    hold_and_limit(system, _QUEUE, 1)


def lift(system: System) -> None:
    """The limit is taken away, and the run that was let through is given its signal."""
    release(system, _QUEUE)


fault = Fault(limit, lift)
