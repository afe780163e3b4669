"""Runs in the subject when it is built, by its own Python: its server is started once on an empty PREFECT_HOME.

`python make_database.py .../bin/prefect` ends with 0 once the server was healthy and has ended. prefect.db then holds
what a server makes of an empty database when it starts: the tables and the block types. No lab's server does that again
(0.5 to 3 s each, and the migrations 8 to 12 s). Of the standard library alone.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

HEALTH_SECONDS = 280
END_SECONDS = 10


def main() -> str:
    """Nothing where the database was made; otherwise what went wrong."""
    database = Path(os.environ["PREFECT_HOME"], "prefect.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    # What an image sets for its own purposes, another database among it, is not for this one.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    ours |= {"PREFECT_HOME": str(database.parent), "DO_NOT_TRACK": "1"}
    ours |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_UI_ENABLED": "false"}
    command = [sys.executable, sys.argv[1], "server", "start", "--host", "127.0.0.1", "--port", port]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=ours, start_new_session=True)
    try:
        deadline = time.monotonic() + HEALTH_SECONDS
        while not _healthy(port):
            if server.poll() is not None:
                return f"the server ended with {server.returncode} before it was healthy"
            if time.monotonic() > deadline:
                return f"the server was not healthy within {HEALTH_SECONDS} s"
            time.sleep(0.1)
        os.killpg(server.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=END_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    if not database.exists():
        return f"the server was healthy, and there is no {database}"
    # What a server that was killed left in its log is merged into the one file that is copied.
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return ""


def _healthy(port: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError), opener.open(f"http://127.0.0.1:{port}/api/health", timeout=2) as answer:
        return bool(answer.status == 200)
    return False


if __name__ == "__main__":
    sys.exit(main() or 0)
