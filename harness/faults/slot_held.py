"""One run of each deployment holds the only slot of its concurrency limit, waiting for a signal; a worker is alive."""

from __future__ import annotations

from harness.faults._fault import Fault, System


def hold(system: System) -> None:
    """The limit itself stands in the scenario's prefect.yaml."""
    system.hold_runs()


def lift(system: System) -> None:
    """The run that holds the slot is given its signal and ends."""
    system.give_signal()


fault = Fault(hold, lift)
