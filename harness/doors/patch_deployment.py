"""PATCH /deployments/{id} of the description."""

from __future__ import annotations

from harness.doors._door import CommandResult, Door, Treated
from harness.doors._http import send


def patch_deployment(treated: Treated, nonce: str) -> CommandResult:
    return send(treated, "PATCH", "/deployments/{id}", {"description": nonce})


door = Door(patch_deployment, family="update")
