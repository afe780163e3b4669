"""`prefect deployment schedule pause` of a schedule with a slug, then `prefect deploy`, with another description."""

from __future__ import annotations

from harness.doors._cli import SINCE_SLUGS, SLUG, SLUGS_REASON
from harness.doors._door import DEPLOYED, Door
from harness.doors._steps import pause_then_deploy

door = Door(
    pause_then_deploy,
    family="update",
    only_for=DEPLOYED,
    staged={"SLUG": SLUG},
    versions=SINCE_SLUGS,
    versions_reason=SLUGS_REASON,
)
