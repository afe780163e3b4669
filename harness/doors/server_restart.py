"""the server is stopped (SIGINT), and started again at once."""

from __future__ import annotations

from harness.doors._deeds import on_server

door = on_server("stop", "start")
