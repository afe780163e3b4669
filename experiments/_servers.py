"""What experiments with a script of their own share: a Prefect server on loopback, and workers of it.

The standard library alone, and nothing of the harness. All that is started is ended by its process group.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

STAND_IN = Path(__file__).with_name("_stand_in.py")  # executes a run; its words are the folder of the server, and more
QUIET = {  # these only write to SQLite, beside what is measured; one that writes too much refuses states
    "PREFECT_API_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_API_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_API_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}
WORKERS = """
import json, os, runpy, sys
import prefect.cli.worker, prefect.workers.process
for words in json.loads(sys.argv[1]):
    if os.fork() == 0:
        sys.argv = ["prefect", "--no-prompt", *words]
        runpy.run_module("prefect", run_name="__main__")
        os._exit(0)
while True:
    os.wait()
"""  # Prefect is imported once for all of them: it takes 6 s of processor time


class Server:
    """A Prefect server on loopback, as far as the measurement asks it."""

    def __init__(self, api: str) -> None:
        self.api = api

    def __call__(self, method: str, path: str, body: object = None) -> Any:
        """What it answers; where it is busy or not there, it is asked again for 30 seconds."""
        data = None if body is None else json.dumps(body).encode()
        deadline = time.monotonic() + 30
        while True:
            request = urllib.request.Request(self.api + path, data, method=method)  # noqa: S310 - loopback
            request.add_header("Content-Type", "application/json")
            try:
                with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                    said = response.read()
                    return json.loads(said) if said else None
            except OSError as error:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{method} {path}: {error}") from error
                time.sleep(0.5)

    def runs(self, deployments: list[str], **which: object) -> list[dict[str, Any]]:
        """All runs of these deployments that fit."""
        found: list[dict[str, Any]] = []
        while True:
            asked = {"deployments": {"id": {"any_": deployments}}, "flow_runs": which, "offset": len(found)}
            page = self("POST", "/flow_runs/filter", {**asked, "sort": "EXPECTED_START_TIME_ASC", "limit": 200})
            found += page
            if len(page) < 200:
                return found


def wait(what: str, there: Callable[[], object], seconds: float) -> None:
    """Returns once it is so. Raises: TimeoutError with what was last seen."""
    deadline, seen = time.monotonic() + seconds, None
    while not (seen := there()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s; last seen: {seen!r}")
        time.sleep(0.5)


@contextmanager
def started(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """While it runs; ended with all that is in its process group."""
    with (folder / "log").open("ab") as log:
        one = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGKILL)
        one.wait(10)


@contextmanager
def serving(python: list[str], settings: Mapping[str, str]) -> Iterator[tuple[Server, Path, dict[str, str]]]:
    """A server in a temporary folder with its `log`, and the environment of its clients. Raises: TimeoutError."""
    with tempfile.TemporaryDirectory(prefix="prefect-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")} | {
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            **QUIET,
            **settings,
        }
        server = Server(environment["PREFECT_API_URL"])
        with started([*python, "-m", "prefect", "server", "start", "--port", str(port)], folder, environment):
            try:
                wait("the server", lambda: _healthy(server), 180)
                yield server, folder, environment
            except BaseException:
                sys.stderr.write((folder / "log").read_text(errors="replace")[-3000:])
                raise


def _healthy(server: Server) -> bool:
    with suppress(TimeoutError):
        return server("GET", "/health") is True
    return False


@contextmanager
def working(
    server: Server,
    python: list[str],
    folder: Path,
    environment: dict[str, str],
    commands: Mapping[str, list[list[str]]],
) -> Iterator[None]:
    """Workers, by work pool (which is made) the words of each one's command, once all pools have been asked.

    At the end the pools are paused, and the stand-ins end: each leaves a mark in the folder `running` while it goes on,
    and ends once there is a file `stop`. Raises: TimeoutError.
    """
    (folder / "running").mkdir()
    for pool in commands:
        server("POST", "/work_pools/", {"name": pool, "type": "process"})
    words = [
        ["worker", "start", "--type", "process", "--pool", pool, *more]
        for pool, each in commands.items()
        for more in each
    ]
    with started([*python, "-c", WORKERS, json.dumps(words)], folder, environment):
        wait(
            "workers", lambda: all(server("GET", f"/work_pools/{pool}")["base_job_template"] for pool in commands), 180
        )
        try:
            yield
        finally:
            for pool in commands:  # or a worker starts more of them
                server("PATCH", f"/work_pools/{pool}", {"is_paused": True})
            (folder / "stop").touch()
            wait("the stand-ins end", lambda: not list((folder / "running").iterdir()), 30)


def moment(stamp: str) -> float:
    """A moment of Prefect's, as seconds since 1970."""
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def iso(seconds: float) -> str:
    """Seconds since 1970 as Prefect takes them."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def of_prefect(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Options of a script: which Prefect it tries."""
    number = "+" if several else 1
    parser.add_argument("--python", nargs=number, metavar="PATH", help="a Python that has Prefect")
    help_ = "of Prefect, brought by uv where there is no --python (default: 3.9.1)"
    parser.add_argument("--release", nargs=number, default=["3.9.1"], help=help_)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # and what was started is ended


def pythons_of(asked: argparse.Namespace) -> list[list[str]]:
    """For each Prefect that is tried, the words that begin a command of its Python."""
    bring = [["uv", "run", "--no-project", "--with", f"prefect=={one}", "python"] for one in asked.release]
    return [[one] for one in asked.python] if asked.python else bring
