"""PATCH /work_pools/{name}: the deployment's own work pool lets one run through at a time."""

from __future__ import annotations

from harness.doors._pools import POOL, limited

door = limited(POOL, "pool_limit")
