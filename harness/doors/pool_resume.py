"""the deployment's own work pool is paused, and then resumed."""

from __future__ import annotations

from harness.doors._pools import POOL, paused_and_resumed

door = paused_and_resumed(POOL, "pool_paused")
