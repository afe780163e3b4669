"""`prefect deploy` of the deployment as the project's new file declares it."""

from __future__ import annotations

from harness.doors._door import REHEARSED, CommandResult, Door, Treated
from harness.words.rehearsed import NEW_FILE


def _deploy(treated: Treated, nonce: str) -> CommandResult:
    return treated.deploy(TEMPLATE=NEW_FILE, DESCRIPTION=nonce)


door = Door(_deploy, only_for=REHEARSED, family="update")
