"""POST /deployments/{id}/resume_deployment."""

from __future__ import annotations

from harness.doors._door import Door
from harness.doors._http import by_requests, request

door = Door(
    request("POST", "/deployments/{id}/resume_deployment"),
    by_requests("POST /api/deployments/{id}/resume_deployment "),
)
