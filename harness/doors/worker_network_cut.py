"""the worker of the deployment's own pool is off the network for 15 s."""

from __future__ import annotations

from harness.doors._deeds import AWHILE, on_worker

door = on_worker("cut off", AWHILE, "connect", engines=["containers"])
