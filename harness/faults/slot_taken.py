"""The worker is killed (SIGKILL), and the slot of each deployment's limit is taken by something that does not end."""

from __future__ import annotations

from harness.faults._fault import Fault, System


def kill(system: System) -> None:
    """The scenario takes the slots (`take_slot`), once the deployments are there."""
    system.kill_worker()


def take_slot(system: System, deployment: str) -> None:
    """As a run holds it that is Running for the server and whose process is gone."""
    system.call("POST", "/v2/concurrency_limits/increment", {"slots": 1, "names": [_name(deployment)]})


def lift(system: System) -> None:
    """The slots are free again, and the worker is started."""
    for deployment in system.call("POST", "/deployments/filter", {}):
        if (deployment.get("global_concurrency_limit") or {}).get("active_slots"):
            body = {"slots": 1, "names": [_name(deployment["id"])]}
            system.call("POST", "/v2/concurrency_limits/decrement", body)
    system.start_worker()


def _name(deployment: str) -> str:
    """What Prefect calls the limit of a deployment (server/models/deployments.py)."""
    return f"deployment:{deployment}"


fault = Fault(kill, lift, stops_worker=True)
