"""Shows that a run whose lease has expired gives back the slot of another run. Asks a server on this machine alone.

    prefect server start
    python reproduce.py [http://127.0.0.1:4200/api]

It makes a deployment with a concurrency limit of 1, and three runs of it, which nothing executes; it asks for their
states as a worker and a flow do. It takes up to two and a half minutes, and deletes the deployment.
"""

import json
import sys
import time
import urllib.request
import uuid
from typing import Any

API = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:4200/api"
CLIENT = "prefect/3.6.7 (API 0.8.4)"  # a client that renews its leases: from 3.4.11 on
GRACE, PATIENCE = 60, 150  # seconds


def ask(method: str, path: str, body: object = None) -> Any:
    """What the server answers."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "User-Agent": CLIENT}
    request = urllib.request.Request(API + path, data, headers, method=method)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        said = response.read()
        return json.loads(said) if said else None


def main() -> int:
    """The exit code: 1 if two runs are Running at once, 0 if not."""
    name = f"lease-{uuid.uuid4().hex[:8]}"
    deployment = ask(
        "POST",
        "/deployments/",
        {
            "name": name,
            "flow_id": ask("POST", "/flows/", {"name": name})["id"],
            "concurrency_limit": 1,
            "concurrency_options": {"collision_strategy": "ENQUEUE", "grace_period_seconds": GRACE},
        },
    )
    try:
        return tried(deployment)
    finally:
        ask("DELETE", f"/deployments/{deployment['id']}")


def tried(deployment: dict[str, Any]) -> int:
    """Carry it out on the deployment."""
    limit = deployment["global_concurrency_limit"]["id"]
    a, b, c = (ask("POST", f"/deployments/{deployment['id']}/create_flow_run", {})["id"] for _ in range(3))
    began = time.monotonic()

    def slots() -> int:
        return int(ask("GET", f"/v2/concurrency_limits/{limit}")["active_slots"])

    def become(who: str, run: str, state: str) -> None:
        said = ask("POST", f"/flow_runs/{run}/set_state", {"state": {"type": state}})
        print(f"{time.monotonic() - began:5.0f} s  {who} asks for {state}: {said['state']['name']}; slots: {slots()}")

    become("A", a, "PENDING")
    while slots():
        if time.monotonic() - began > PATIENCE:
            raise TimeoutError(f"the slot of A was not given back within {PATIENCE} s")
        time.sleep(1)
    print(f"{time.monotonic() - began:5.0f} s  the lease of A has expired; slots: 0")
    become("B", b, "PENDING")
    become("B", b, "RUNNING")
    become("A", a, "RUNNING")
    become("C", c, "PENDING")
    become("C", c, "RUNNING")
    names = {who: ask("GET", f"/flow_runs/{run}")["state"]["type"] for who, run in (("A", a), ("B", b), ("C", c))}
    running = [who for who, state in names.items() if state == "RUNNING"]
    print(f"Running at once, with a limit of 1: {' and '.join(running)}")
    return int(len(running) > 1)


if __name__ == "__main__":
    sys.exit(main())
