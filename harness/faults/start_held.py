"""The process of each run that is started waits for a signal before its flow begins; a worker is alive."""

from __future__ import annotations

from harness.faults._fault import Fault, System


def hold(system: System) -> None:
    """The scenario's flow.py waits as it is imported."""
    system.hold_runs()


def lift(system: System) -> None:
    """The processes are given their signal, and the flows begin."""
    system.give_signal()


fault = Fault(hold, lift)
