"""POST /deployments/{id}/pause_deployment."""

from __future__ import annotations

from harness.doors._door import Door
from harness.doors._http import PAUSED, by_requests, request

door = Door(
    request("POST", "/deployments/{id}/pause_deployment"),
    by_requests("POST /api/deployments/{id}/pause_deployment ", effect=PAUSED),
    family="pause",
)
