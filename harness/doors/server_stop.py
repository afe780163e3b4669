"""the server is stopped (SIGINT), and started again 15 s later."""

from __future__ import annotations

from harness.doors._deeds import AWHILE, on_server

door = on_server("stop", AWHILE, "start")
