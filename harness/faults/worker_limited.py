"""The worker's own limit is 1, and one run holds it, waiting for a signal."""

from __future__ import annotations

from harness.faults._fault import Fault, System


def hold(system: System) -> None:
    system.hold_runs()


def lift(system: System) -> None:
    """The run that was let through is given its signal; the others follow one by one."""
    system.give_signal()


fault = Fault(hold, lift, worker_limit=1)
