"""The worker that had just completed a run is frozen, with all that it started (SIGSTOP, or paused)."""

from __future__ import annotations

from harness.faults._fault import Fault, System


def freeze(system: System) -> None:
    system.freeze_worker()


def lift(system: System) -> None:
    """The worker runs on."""
    system.thaw_worker()


fault = Fault(freeze, lift, stops_worker=True)
