"""the worker of the deployment's own pool is frozen for 15 s, with all that it started (SIGSTOP, or paused)."""

from __future__ import annotations

from harness.doors._deeds import AWHILE, on_worker

door = on_worker("freeze", AWHILE, "thaw")
