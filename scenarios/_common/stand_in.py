"""Runs inside the subject in place of Prefect's engine and a flow: the standard library alone, and never prefect.

For backlogs of hundreds of runs (`stand_in` of a scenario): Prefect's engine takes most of a second of processor time
for each, whatever its flow does. The worker is Prefect's own, and starts this as it would start the engine: the job
variable `command` of the deployment says so. It asks for Running and, once that is granted, for Completed, and leaves
the same marks as a flow does (executions.py). What the engine does beside that is not tried with it.

    python3 -IS stand_in.py
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone
from pathlib import Path

MARKS = Path(__file__).with_name("executions.jsonl")
HOLD, SIGNAL = Path(__file__).with_name("hold"), Path(__file__).with_name("signal")
GIVE_UP_AFTER = 900  # seconds, as in executions.py
REFUSED = (429, 502, 503)  # a server that is busy; Prefect's client asks again, five times
RUN = os.environ["PREFECT__FLOW_RUN_ID"]
API = os.environ["PREFECT_API_URL"]


def main():
    """Returns the exit code: 0 once the run is Completed, or where the server did not let it run."""
    if not becomes("RUNNING", "Running"):
        return 0
    own = {"run": RUN, "process": os.getpid(), "began": now()}
    append({**own, "parameters": None})  # no flow received any
    work()
    append({**own, "ended": now()})
    return 0 if becomes("COMPLETED", "Completed") else 1


def becomes(kind, name):
    """Whether the server let the run enter this state; where it says to wait, it is asked again after that time."""
    while True:
        said = answer("POST", "/set_state", {"state": {"type": kind, "name": name}})
        if said["status"] != "WAIT":
            print(f"stand-in: {name}: {said['status']} {said.get('details')}", flush=True)
            return said["status"] == "ACCEPT"
        time.sleep(said["details"]["delay_seconds"])


def work():
    """It ends at once, or, where a fault put the file `hold` beside it, once it is given its signal."""
    deadline = time.monotonic() + GIVE_UP_AFTER
    while HOLD.exists() and not SIGNAL.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no signal within {GIVE_UP_AFTER} s")
        time.sleep(0.2)


def answer(method, path, body=None):
    """What the server answers about the run; a busy one is asked again after 2, 4, 8, 16 and 32 seconds."""
    data = None if body is None else json.dumps(body).encode()
    for tries in range(6):
        request = urllib.request.Request(f"{API}/flow_runs/{RUN}{path}", data, method=method)  # noqa: S310 - a worker told it
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                return json.load(response)
        except urllib.error.HTTPError as error:
            if error.code not in REFUSED or tries == 5:
                raise
            time.sleep(2 ** (tries + 1))
    raise AssertionError("unreachable")


def now():
    return datetime.now(timezone.utc).isoformat()


def append(mark):
    file = os.open(MARKS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, json.dumps(mark, default=str).encode() + b"\n")
    finally:
        os.close(file)


if __name__ == "__main__":
    sys.exit(main())
