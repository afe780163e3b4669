"""Server and worker are killed (SIGKILL), and the server alone is started again, as after a reboot."""

from __future__ import annotations

from harness.faults._fault import Fault, System


def reboot(system: System) -> None:
    system.kill_worker()
    system.kill_server()


def lift(system: System) -> None:
    """The worker is started again."""
    system.start_worker()


fault = Fault(reboot, lift, stops_worker=True, alone=True)
