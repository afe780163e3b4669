"""DELETE /work_pools/{name}/queues/{queue}: the deployment's work queue is deleted, and its pool stays."""

from __future__ import annotations

from harness.doors._pools import POOL, deleted

OWN = "of-its-own"  # a pool's queue `default` cannot be deleted

door = deleted(f"{POOL}/queues/{OWN}", staged={"QUEUE": OWN})
