"""the worker of the deployment's own pool is killed (SIGKILL), with all that it started, and is started again."""

from __future__ import annotations

from harness.doors._deeds import on_worker

door = on_worker("kill", "start")
