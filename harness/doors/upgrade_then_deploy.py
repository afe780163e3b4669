"""the server is stopped (SIGINT), another release is started on its database, and the deployment is deployed again."""

from __future__ import annotations

from harness.doors._deeds import GRACE
from harness.doors._door import SERVER, CommandResult, Door, Treated, after
from harness.words.proof import DEEDS, Deed, Effect, Proof


def upgrade_and_deploy(treated: Treated, nonce: str) -> CommandResult:
    """As `server-upgrade`, and then `prefect deploy` of the treated deployment by the deployer as it was."""
    started = treated.clock.monotonic()
    treated.server.stop(GRACE)
    treated.upgrade_server()
    upgraded = CommandResult(0, treated.server.log()[-2000:], treated.clock.monotonic() - started)
    return after(upgraded, lambda: treated.deploy(DESCRIPTION=nonce))


door = Door(
    upgrade_and_deploy,
    Proof(
        DEEDS,
        deeds=[Deed("stopped", "server"), Deed("started", "upgrade")],
        effects=[Effect("description", "changes")],
    ),
    reach=SERVER,
    control="server-restart",
)
