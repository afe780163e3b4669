"""PATCH /work_pools/{name}: the deployment's own work pool is paused."""

from __future__ import annotations

from harness.doors._pools import POOL, paused

door = paused(POOL, "pool_paused")
