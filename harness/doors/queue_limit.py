"""PATCH /work_pools/{name}/queues/default: the queue of the deployment's own pool lets one run through at a time."""

from __future__ import annotations

from harness.doors._pools import QUEUE, limited

door = limited(QUEUE, "queue_limit")
