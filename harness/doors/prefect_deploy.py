"""`prefect deploy`, with another description."""

from __future__ import annotations

from harness.doors._cli import deploy_with_nonce
from harness.doors._door import DEPLOYED, Door

door = Door(deploy_with_nonce, family="update", only_for=DEPLOYED)
