"""PATCH /deployments/{id} of the description, twice within a second."""

from __future__ import annotations

from harness.doors._door import CommandResult, Door, Treated, after
from harness.doors._http import send


def patch_twice(treated: Treated, nonce: str) -> CommandResult:
    """The second says what the first did not."""
    first = send(treated, "PATCH", "/deployments/{id}", {"description": "the first of two"})
    return after(first, lambda: send(treated, "PATCH", "/deployments/{id}", {"description": nonce}))


door = Door(patch_twice, family="update")
