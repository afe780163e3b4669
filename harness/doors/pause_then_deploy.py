"""`prefect deployment schedule pause`, then `prefect deploy`, with another description."""

from __future__ import annotations

from harness.doors._door import DEPLOYED, Door
from harness.doors._steps import pause_then_deploy

door = Door(pause_then_deploy, family="update", only_for=DEPLOYED)
