"""Whether the door really was opened on the treated deployment, on this server, and on it alone.

Exit code 0 proves nothing, and neither does `updated` (a worker's poll moves it). What proves the door is a nonce in
the treated deployment that only this door could have sent, or the server's own access log; what proves it went nowhere
else is that the twin's description and schedules are as they were. The null door is proven by nothing having changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from harness.history import Event, of_kind

_KEPT = (
    "description", "schedules", "paused", "parameters", "tags", "job_variables", "entrypoint", "concurrency_limit",
    "work_pool_name", "work_queue_name",
)  # fmt: skip
Facts = dict[str, Any]


def check_door(events: Sequence[Event]) -> list[str]:
    """What is wrong with the door, each in one sentence; empty where it is proven."""
    doors = of_kind(events, "door")
    if not doors:
        return ["the door was never opened"]
    door = doors[-1]
    if door.get("exit_code") != 0:
        said = _last_line(door.get("output"))
        return [f"{door['door']} exited {door.get('exit_code')}: {said}"]
    treated, twin = _seen(events, "treated"), _seen(events, "twin")
    problems = []
    if not treated.get("before") or not treated.get("after") or not twin.get("before") or not twin.get("after"):
        problems.append("treated and twin were not both read before and after the door")
    problems += [
        f"{door['door']} exited 0, but the treated deployment does not show what it was to do"
        for effect in of_kind(events, "effect")
        if not effect["shown"]
    ]
    problems += _PROOFS[door.get("proof", "nonce")](door, treated.get("before", {}), treated.get("after", {}))
    if door.get("nonce") and door["nonce"] in json.dumps(twin):
        problems.append("the twin bears the nonce of the door, which was to touch the treated deployment alone")
    problems += [
        f"the twin's {key} changed, though the door was to touch the treated deployment alone"
        for key in _KEPT
        if twin.get("before", {}).get(key) != twin.get("after", {}).get(key)
    ]
    if not problems and not door.get("answered_at"):
        problems.append("the server did not say when it updated the treated deployment")
    return problems


def _by_nonce(door: Event, before: Facts, after: Facts) -> list[str]:
    problems = []
    if door["nonce"] not in json.dumps(after):
        problems.append(
            f"{door['door']} exited 0, but this server's treated deployment does not bear its nonce: "
            f"{_last_line(door.get('output'))}"
        )
    if door["nonce"] in json.dumps(before):
        problems.append("the treated deployment bore the nonce before the door was opened")
    return problems


def _by_request(door: Event, _before: Facts, _after: Facts) -> list[str]:
    return [
        f"{door['door']} exited 0, but this server's access log has no {request.strip()!r} that was answered 2xx"
        for request in door["requests"]
        if not _answered(door, request)
    ]


def _by_redeploy(door: Event, before: Facts, after: Facts) -> list[str]:
    """By a PATCH of the deployment (`prefect deploy` from 3.2.0 on), else by a POST that names none and new schedules.

    Another trial of the lab may have sent that POST, so it proves nothing alone; up to 3.1 it makes the schedules anew.
    """
    if not (missing := _by_request(door, before, after)):
        return []
    kept = {schedule["id"] for schedule in before.get("schedules", ())}
    new = {schedule["id"] for schedule in after.get("schedules", ())} - kept
    return [] if new and _answered(door, "POST /api/deployments/ ") else missing


def _answered(door: Event, request: str) -> bool:
    lines = (line for line in door.get("server_log", []) if re.search(request, line))
    return any(re.search(r'HTTP/[\d.]+" 2\d\d', line) for line in lines)


def _by_nothing(_door: Event, before: Facts, after: Facts) -> list[str]:
    return [f"the treated deployment's {key} changed" for key in _KEPT if before.get(key) != after.get(key)]


_PROOFS = {"nonce": _by_nonce, "request": _by_request, "redeploy": _by_redeploy, "nothing": _by_nothing}


def _seen(events: Sequence[Event], side: str) -> dict[str, dict[str, Any]]:
    return {
        event["when"]: event["deployment"]
        for event in of_kind(events, "deployment")
        if event["side"] == side and "when" in event
    }


def _last_line(output: object) -> str:
    lines = [line.strip(" │╭╮╰╯─") for line in str(output or "").splitlines()]
    return next((line for line in reversed(lines) if line), "it printed nothing")
