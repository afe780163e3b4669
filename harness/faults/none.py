"""Nothing is hurt; a worker is alive."""

from __future__ import annotations

from harness.faults._fault import Fault, System


def lift(_system: System) -> None:
    """Nothing was held: the runs' time comes."""


fault = Fault(lift=lift)
