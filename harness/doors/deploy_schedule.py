"""`prefect deploy`, with another schedule."""

from __future__ import annotations

from harness.doors._cli import deploy_another_schedule
from harness.doors._door import DEPLOYED, Door
from harness.doors._http import OTHER_SCHEDULES
from harness.words.proof import Proof

door = Door(deploy_another_schedule, Proof(effects=[OTHER_SCHEDULES]), only_for=DEPLOYED)
