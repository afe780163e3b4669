"""Measure how many runs are at risk, by interval, concurrency limit and number of workers; writes measured.json.

    python measure.py --python PATH      a Python that has the Prefect to be tried
    python measure.py --release 3.9.1    or its release; uv brings it

The standard library alone, and nothing of the harness. At risk is a run that is due and has not begun: Late,
AwaitingConcurrencySlot, or Scheduled past its time. Twice, a server of its own in a temporary folder lets deployments
tick side by side; real workers start stand_in.py for each run. All that is started is ended by its process group.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from shapes import PASSES, Shape, empty_times

HERE = Path(__file__).resolve().parent
QUERY_SECONDS, EVERY = 2, 5  # a worker asks for runs; the runs at risk are counted
LEAD = 30  # seconds from the first deployment made to the first tick
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
                    return json.load(response)
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


def measured(python: list[str], slot_wait: int, shapes: list[Shape], seconds: int) -> dict[str, Any]:
    """One pass: a server, its workers and deployments; what was counted. Raises: TimeoutError."""
    with tempfile.TemporaryDirectory(prefix="tune-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "running").mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")} | {
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            **QUIET,
            "PREFECT_DEPLOYMENT_CONCURRENCY_SLOT_WAIT_SECONDS": str(slot_wait),
            "PREFECT_WORKER_QUERY_SECONDS": str(QUERY_SECONDS),
            "PREFECT_API_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": f"00:{seconds // 60 + 2:02}:00",
        }
        server = Server(environment["PREFECT_API_URL"])
        serve = [*python, "-m", "prefect", "server", "start", "--port", str(port)]
        with started(serve, folder, environment):
            wait("the server", lambda: _healthy(server), 180)
            workers = [json.dumps(_workers(server, shapes))]
            with started([*python, "-c", WORKERS, *workers], folder, environment):
                pools = {shape.pool for shape in shapes}
                wait(
                    "workers",
                    lambda: all(server("GET", f"/work_pools/{one}")["base_job_template"] for one in pools),
                    180,
                )
                try:
                    return _counted(server, folder, slot_wait, shapes, seconds)
                except BaseException:
                    sys.stderr.write((folder / "log").read_text(errors="replace")[-3000:])
                    raise
                finally:
                    (folder / "stop").touch()
                    wait("the stand-ins end", lambda: not list((folder / "running").iterdir()), 30)


def _healthy(server: Server) -> bool:
    with suppress(TimeoutError):
        return server("GET", "/health") is True
    return False


def _workers(server: Server, shapes: list[Shape]) -> list[list[str]]:
    """The words of each worker's command; its work pool is made."""
    commands = []
    for pool, one in {shape.pool: shape for shape in shapes}.items():
        server("POST", "/work_pools/", {"name": pool, "type": "process"})
        limit = [] if one.worker_limit is None else ["--limit", str(one.worker_limit)]
        words = [
            "worker",
            "start",
            "--pool",
            pool,
            "--type",
            "process",
            "--prefetch-seconds",
            str(one.prefetch),
            *limit,
        ]
        commands += [words] * one.workers
    return commands


def _deployed(server: Server, folder: Path, shapes: list[Shape], began: int) -> dict[str, Shape]:
    """The deployments, by id; each has its first tick within the six seconds from `began` on."""
    flow = server("POST", "/flows/", {"name": "tune"})["id"]
    made = {}
    for number, shape in enumerate(shapes):
        first = began + number % 6  # so that not all begin at once
        words = [sys.executable, "-IS", HERE / "stand_in.py", folder, first, shape.interval, *shape.run_times]
        start = datetime.fromtimestamp(first, timezone.utc).strftime("%Y%m%dT%H%M%S")
        rule = f"DTSTART:{start}\nRRULE:FREQ=SECONDLY;INTERVAL={shape.interval}"
        asked = {
            "name": f"tune-{number}",
            "flow_id": flow,
            "work_pool_name": shape.pool,
            "concurrency_limit": shape.limit,
            "job_variables": {"command": shlex.join(map(str, words))},
            "schedules": [{"schedule": {"rrule": rule, "timezone": "UTC"}, "active": True}],
        }
        made[server("POST", "/deployments/", asked)["id"]] = shape
    return made


def _counted(server: Server, folder: Path, slot_wait: int, shapes: list[Shape], seconds: int) -> dict[str, Any]:
    began = int(time.time()) + LEAD
    deployments = _deployed(server, folder, shapes, began)
    if time.time() > began:
        raise TimeoutError(f"the deployments were made within {time.time() - began + LEAD:.0f} s, more than {LEAD} s")
    counts: dict[str, list[tuple[float, int]]] = {one: [] for one in deployments}
    for number in range(1, seconds // EVERY + 1):
        time.sleep(max(0.0, began + number * EVERY - time.time()))
        due = {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": {"before_": _iso(now := time.time())}}
        at_risk = Counter(run["deployment_id"] for run in server.runs(list(deployments), **due))
        for one, counted in counts.items():
            counted.append((round(now - began, 1), at_risk[one]))
    ended = time.time()
    refused = (folder / "log").read_text(encoding="utf-8", errors="replace").count("sqlite3.OperationalError) database")
    runs = server.runs(list(deployments), expected_start_time={"before_": _iso(ended)})
    told = []
    for one, shape in deployments.items():
        own = [
            _times(server, run["id"], run["expected_start_time"], ended) for run in runs if run["deployment_id"] == one
        ]
        held = [end - got for _, got, end in own if got is not None and end is not None]
        empty = empty_times(shape.slots, own)
        told.append(
            asdict(shape)
            | {
                "slots": shape.slots,
                "slot_wait": slot_wait,
                "at_risk": counts[one],
                "due": len(own),
                "ended": len(held),
            }
            | {"overhead": round(statistics.mean(held) - shape.run_time, 2) if held else None}
            | {"empty": round(statistics.mean(empty), 2) if empty else None, "emptied": len(empty)}
            | {"states": Counter(run["state_name"] for run in runs if run["deployment_id"] == one)}
        )
    return {
        "release": server("GET", "/admin/version"),
        "seconds": round(ended - began, 1),
        "refused_writes": refused,
        "deployments": told,
    }


def _times(server: Server, run: str, due: str, ended: float) -> tuple[float, float | None, float | None]:
    """When a run was due, entered Pending (and took its slot), and was Completed, if it was by then."""
    states: dict[str, float] = {}  # the first of each type: a run is Pending, then Submitting, which is of that type
    for state in sorted(server("GET", f"/flow_run_states/?flow_run_id={run}"), key=lambda one: one["timestamp"]):
        states.setdefault(state["type"], _seconds(state["timestamp"]))
    got, end = states.get("PENDING"), states.get("COMPLETED")
    return _seconds(due), got if got and got <= ended else None, end if end and end <= ended else None


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def main() -> None:
    """Measure each pass, one after the other, and write what was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", metavar="PATH", help="a Python that has Prefect")
    parser.add_argument("--release", default="3.9.1", help="of Prefect, brought by uv where there is no --python")
    parser.add_argument("--seconds", type=int, default=180, help="of ticks, in each pass (default: 180)")
    parser.add_argument("--only", action="append", choices=PASSES, help="this pass; more than once: these")
    parser.add_argument("--into", type=Path, default=HERE / "measured.json", metavar="FILE")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # and what was started is ended
    bring = ["uv", "run", "--no-project", "--with", f"prefect=={asked.release}", "python"]
    python = [asked.python] if asked.python else bring
    passes = []
    for name in asked.only or PASSES:
        slot_wait, shapes = PASSES[name]
        print(
            f"{len(shapes)} deployments, {asked.seconds} s, a run that found no slot asks again after {slot_wait} s",
            flush=True,
        )
        passes.append(measured(python, slot_wait, shapes, asked.seconds))
        print(f"refused writes: {passes[-1]['refused_writes']}")
        for one in passes[-1]["deployments"]:
            shown = ("curve", "interval", "slots", "due", "ended", "overhead", "empty", "states")
            print(*(one[key] for key in shown), one["at_risk"][-1], flush=True)
    told = {"schema": 1, "date": _iso(time.time())[:10], "query_seconds": QUERY_SECONDS, "passes": passes}
    asked.into.write_text(json.dumps(told, indent=None, separators=(",", ":")).replace('{"curve"', '\n{"curve"') + "\n")


if __name__ == "__main__":
    main()
