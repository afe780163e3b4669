"""the worker of the deployment's own pool is stopped (SIGINT), and started again."""

from __future__ import annotations

from harness.doors._deeds import on_worker

door = on_worker("stop", "start")
