"""DELETE /work_pools/{name}: the deployment's own work pool is deleted."""

from __future__ import annotations

from harness.doors._pools import POOL, deleted

door = deleted(POOL)
