"""PATCH of `paused`, then `prefect deploy`, then PATCH of `paused` back."""

from __future__ import annotations

from harness.doors._http import request
from harness.doors._steps import deploy_between

door = deploy_between(
    request("PATCH", "/deployments/{id}", {"paused": True}), request("PATCH", "/deployments/{id}", {"paused": False})
)
