"""the server is frozen for 15 s (SIGSTOP, or paused)."""

from __future__ import annotations

from harness.doors._deeds import AWHILE, on_server

door = on_server("freeze", AWHILE, "thaw")
