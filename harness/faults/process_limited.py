"""Each deployment is served by a process of its own whose limit is 1; one run of it waits for a signal."""

from __future__ import annotations

from harness.faults._fault import Fault, System


def hold(system: System) -> None:
    """The limit itself stands in the scenario's prefect.yaml."""
    system.hold_runs()


def lift(system: System) -> None:
    """A process that was stopped serves again, and the runs that were let through are given their signal."""
    system.serve_again()
    system.give_signal()


fault = Fault(hold, lift)
