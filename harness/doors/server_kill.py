"""the server is killed (SIGKILL), and started again at once."""

from __future__ import annotations

from harness.doors._deeds import on_server

door = on_server("kill", "start")
