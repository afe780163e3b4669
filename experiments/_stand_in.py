"""Executes a run in place of Prefect's engine and a flow: it asks for Running, sleeps, and asks for Completed.

The standard library alone. Where several run times are named, they take turns, tick by tick.

    python3 -IS _stand_in.py FOLDER FIRST INTERVAL RUN_TIME [RUN_TIME ...]     in seconds; FIRST: of the first tick
"""

import json
import os
import sys
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

RUN = f"{os.environ['PREFECT_API_URL']}/flow_runs/{os.environ['PREFECT__FLOW_RUN_ID']}"
GIVE_UP_AFTER = 120  # seconds: a run that is taken early waits for its time


def main() -> int:
    """The exit code: 0 once the run is Completed, or where the server did not let it run."""
    folder, first, interval, *turns = sys.argv[1:]
    mine = Path(folder, "running", str(os.getpid()))
    mine.touch()
    try:
        if not becomes("RUNNING"):
            return 0
        tick = round(datetime.fromisoformat(answer("")["expected_start_time"].replace("Z", "+00:00")).timestamp())
        until = time.monotonic() + float(turns[(tick - int(first)) // int(interval) % len(turns)])
        while time.monotonic() < until:
            if Path(folder, "stop").exists():
                return 1
            time.sleep(min(0.5, max(0.0, until - time.monotonic())))
        return 0 if becomes("COMPLETED") else 1
    finally:
        mine.unlink()


def becomes(kind: str) -> bool:
    """Whether the server let the run enter this state; where it says to wait, it is asked again after that time."""
    deadline = time.monotonic() + GIVE_UP_AFTER
    while time.monotonic() < deadline:
        said = answer("/set_state", {"state": {"type": kind, "name": kind.capitalize()}})
        if said["status"] != "WAIT":
            return bool(said["status"] == "ACCEPT")
        time.sleep(said["details"]["delay_seconds"])
    raise TimeoutError(f"the server lets the run wait for {kind} for more than {GIVE_UP_AFTER} s")


def answer(path: str, body: object = None) -> Any:
    """What the server says; one that is busy is asked again, four times."""
    data = None if body is None else json.dumps(body).encode()
    for tries in range(5):
        request = urllib.request.Request(RUN + path, data, {"Content-Type": "application/json"})  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return json.load(response)
        except OSError:
            if tries == 4:
                raise
            time.sleep(1)
    raise AssertionError("unreachable")


if __name__ == "__main__":
    sys.exit(main())
