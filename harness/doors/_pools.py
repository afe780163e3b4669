"""Doors on work pools and queues; the treated deployment has a pool of its own.

Routes are those of 2.20 to 3.9 (read in Prefect's source, server/api/workers.py).
"""

from __future__ import annotations

from typing import Any

from harness.doors._door import CommandResult, Door, Treated, after
from harness.doors._http import by_requests, request, send
from harness.words.proof import Effect

POOL, QUEUE = "/work_pools/{pool}", "/work_pools/{pool}/queues/default"
FEWER = 1  # runs that a limited pool or queue lets through at a time


def paused(path: str, field: str) -> Door:
    """A door that pauses a pool or a queue."""
    effect = Effect(field, "becomes", value=True)
    proof = by_requests(f"PATCH /api{path} ", effect=effect)
    return Door(request("PATCH", path, {"is_paused": True}), proof, own_pool=True, holds_back=True)


def limited(path: str, field: str) -> Door:
    """A door that limits a pool or a queue."""
    effect = Effect(field, "becomes", value=FEWER)
    proof = by_requests(f"PATCH /api{path} ", effect=effect)
    return Door(request("PATCH", path, {"concurrency_limit": FEWER}), proof, own_pool=True)


def deleted(path: str, **more: Any) -> Door:
    """A door that deletes a pool or a queue, after which the deployment is in none."""
    effect = Effect("work_pool_name", "becomes", value=None)  # it keeps the name of a queue that is gone (3.9.1)
    proof = by_requests(f"DELETE /api{path} ", effect=effect)
    return Door(request("DELETE", path), proof, own_pool=True, holds_back=True, **more)


def paused_and_resumed(path: str, field: str) -> Door:
    """A door that pauses a pool or a queue, and then resumes it."""

    def open_(treated: Treated, _nonce: str) -> CommandResult:
        first = send(treated, "PATCH", path, {"is_paused": True})
        return after(first, lambda: send(treated, "PATCH", path, {"is_paused": False}))

    return Door(open_, by_requests(f"PATCH /api{path} ", effect=Effect(field, "stays")), own_pool=True)
