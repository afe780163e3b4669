"""`prefect deploy` of a deployment whose schedule has a slug, with another schedule of that slug."""

from __future__ import annotations

from harness.doors._cli import HAS_SLUG, SINCE_SLUGS, SLUG, SLUGS_REASON, deploy_another_schedule
from harness.doors._door import DEPLOYED, Door
from harness.doors._http import OTHER_SCHEDULES
from harness.words.proof import Proof

door = Door(
    deploy_another_schedule,
    Proof(effects=[HAS_SLUG, OTHER_SCHEDULES]),
    only_for=DEPLOYED,
    staged={"SLUG": SLUG},
    versions=SINCE_SLUGS,
    versions_reason=SLUGS_REASON,
)
