"""POST pause_deployment, then `prefect deploy`, then POST resume_deployment."""

from __future__ import annotations

from harness.doors._http import request
from harness.doors._steps import deploy_between

door = deploy_between(
    request("POST", "/deployments/{id}/pause_deployment"), request("POST", "/deployments/{id}/resume_deployment")
)
