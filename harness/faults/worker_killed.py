"""The worker that had just completed a run is killed (SIGKILL)."""

from __future__ import annotations

from harness.faults._fault import Fault, System


def kill(system: System) -> None:
    system.kill_worker()


def lift(system: System) -> None:
    """The worker is started again."""
    system.start_worker()


fault = Fault(kill, lift, stops_worker=True)
