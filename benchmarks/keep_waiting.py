"""What the remedy keep-waiting-runs costs a server that has nothing to keep: CPU seconds, with and without it.

    python benchmarks/keep_waiting.py PYTHON PYTHON_WITH_IT [ROUNDS]

PYTHON is that of an environment with Prefect, PYTHON_WITH_IT one with the remedy beside the same Prefect
(remedies/keep-waiting-runs). Servers of the two take turns. Each has a deployment that is due once a minute, so that an
update deletes and makes runs that are not due yet, and none is late. It is updated 200 times, and left idle for 20 s.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

UPDATES, IDLE, PATIENCE = 200, 20, 90
REFUSED = (409, 503)
SCHEDULE = {"interval": 60, "anchor_date": "2030-01-01T00:00:00Z", "timezone": "UTC"}


@contextmanager
def server(python: Path, home: str) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    """A server of this environment that answers, and its process. Raises: TimeoutError with the end of its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    log = Path(home) / "server.log"
    settings = {"PREFECT_HOME": home, "PREFECT_API_URL": url, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [str(python), "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=file, stderr=file)
    try:
        with httpx.Client(base_url=url, timeout=60) as client:
            deadline = time.monotonic() + PATIENCE
            while True:
                try:
                    if client.get("/health").status_code == 200:
                        break
                except httpx.HTTPError:
                    pass
                if time.monotonic() > deadline or process.poll() is not None:
                    raise TimeoutError(f"no answer within {PATIENCE} s: {log.read_text()[-2000:]}")
                time.sleep(0.3)
            yield client, psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def cpu(process: psutil.Process) -> float:
    """CPU seconds of a process and of those that it has started."""
    every = [process, *process.children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in every)


def measure(python: Path) -> tuple[float, float]:
    """CPU milliseconds of an update, and CPU seconds of the idle time."""
    with tempfile.TemporaryDirectory() as home, server(python, home) as (client, process):
        flow = client.post("/flows/", json={"name": "work"}).raise_for_status().json()["id"]
        body = {"name": "due-each-minute", "flow_id": flow, "schedules": [{"schedule": SCHEDULE, "active": True}]}
        deployment = client.post("/deployments/", json=body).raise_for_status().json()["id"]
        deadline = time.monotonic() + PATIENCE
        while not client.post("/flow_runs/count", json={}).json():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the scheduler made no run within {PATIENCE} s")
            time.sleep(0.5)
        before = cpu(process)
        for number in range(UPDATES):
            answer = client.patch(f"/deployments/{deployment}", json={"description": str(number)})
            if answer.status_code not in REFUSED:  # it meets the scheduler, which writes the same runs
                answer.raise_for_status()
        updated = cpu(process)
        time.sleep(IDLE)
        return 1000 * (updated - before) / UPDATES, cpu(process) - updated


def main() -> None:
    """Print each round, and the medians."""
    plain, remedied = Path(sys.argv[1]), Path(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    found: dict[str, list[tuple[float, float]]] = {"without": [], "with": []}
    for number in range(rounds):
        for name, python in (("without", plain), ("with", remedied)):
            found[name].append(measure(python))
            update, idle = found[name][-1]
            print(f"round {number + 1}, {name}: {update:.1f} CPU ms an update, {idle:.2f} CPU s idle", flush=True)
    middle = {name: [statistics.median(column) for column in zip(*each, strict=True)] for name, each in found.items()}
    for place, what in enumerate(("an update", "idle")):
        without, with_it = middle["without"][place], middle["with"][place]
        print(f"median, {what}: {without:.2f} without, {with_it:.2f} with: {with_it / without:.3f} times")


if __name__ == "__main__":
    main()
