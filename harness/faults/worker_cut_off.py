"""The worker that had just completed a run is taken off the network."""

from __future__ import annotations

from harness.faults._fault import Fault, System


def cut_off(system: System) -> None:
    system.cut_worker_off()


def lift(system: System) -> None:
    """The worker is on the network again."""
    system.connect_worker()


fault = Fault(cut_off, lift, stops_worker=True, engines=["containers"])
