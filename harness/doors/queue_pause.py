"""PATCH /work_pools/{name}/queues/default: the work queue of the deployment's own pool is paused."""

from __future__ import annotations

from harness.doors._pools import QUEUE, paused

door = paused(QUEUE, "queue_paused")
