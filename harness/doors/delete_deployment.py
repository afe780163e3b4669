"""DELETE /deployments/{id}."""

from __future__ import annotations

from harness.doors._door import Door
from harness.doors._http import DELETED, by_requests, request

door = Door(
    request("DELETE", "/deployments/{id}"),
    by_requests("DELETE /api/deployments/{id} ", effect=DELETED),
    family="deletion",
)
