"""POST /deployments/bulk_delete of the one deployment."""

from __future__ import annotations

from harness.doors._door import CommandResult, Door, Treated
from harness.doors._http import DELETED, by_requests, send


def bulk_delete(treated: Treated, _nonce: str) -> CommandResult:
    return send(treated, "POST", "/deployments/bulk_delete", {"deployments": {"id": {"any_": [treated.id]}}})


door = Door(
    bulk_delete,
    by_requests("POST /api/deployments/bulk_delete ", effect=DELETED),
    family="deletion",
    versions=">=3.6.16",
    versions_reason="deployments can be deleted in bulk from 3.6.16 on",
)
