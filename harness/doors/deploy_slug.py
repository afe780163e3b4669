"""`prefect deploy` of a deployment whose schedule has a slug, with another description."""

from __future__ import annotations

from harness.doors._cli import HAS_SLUG, SINCE_SLUGS, SLUG, SLUGS_REASON, deploy_with_nonce
from harness.doors._door import DEPLOYED, Door
from harness.words.proof import Proof

door = Door(
    deploy_with_nonce,
    Proof(effects=[HAS_SLUG]),
    family="update",
    only_for=DEPLOYED,
    staged={"SLUG": SLUG},
    versions=SINCE_SLUGS,
    versions_reason=SLUGS_REASON,
)
