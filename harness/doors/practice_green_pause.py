"""The same deployment under another name, then POST pause_deployment of the first one."""

from __future__ import annotations

from harness.doors._http import PAUSED, by_requests, request
from harness.doors._steps import after_green

door = after_green(
    request("POST", "/deployments/{id}/pause_deployment"),
    by_requests("POST /api/deployments/ ", "POST /api/deployments/{id}/pause_deployment ", effect=PAUSED),
)
