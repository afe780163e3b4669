"""the server is stopped (SIGINT), and another release is started on its database, which it migrates."""

from __future__ import annotations

from harness.doors._deeds import GRACE
from harness.doors._door import SERVER, CommandResult, Door, Treated
from harness.words.proof import DEEDS, Deed, Proof


def upgrade(treated: Treated, _nonce: str) -> CommandResult:
    """The subject names the other release: 3.1.15/upgrade=3.9.1. Workers and deployer stay as they are."""
    started = treated.clock.monotonic()
    treated.server.stop(GRACE)
    treated.upgrade_server()
    return CommandResult(0, treated.server.log()[-2000:], treated.clock.monotonic() - started)


door = Door(
    upgrade,
    Proof(DEEDS, deeds=[Deed("stopped", "server"), Deed("started", "upgrade")]),
    reach=SERVER,
    control="server-restart",
)
