"""SIGKILL to the process of each flow run of the deployment that has one, and to nothing else."""

from __future__ import annotations

from harness.doors._deeds import by_deeds
from harness.doors._door import PROCESS, CommandResult, Door, Treated


def kill(treated: Treated, _nonce: str) -> CommandResult:
    return treated.kill_flow_processes()


door = Door(kill, by_deeds("flow run", "kill"), needs=PROCESS)
