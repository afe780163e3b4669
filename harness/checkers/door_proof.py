"""Whether the door really was opened on the treated deployment, on this server, and on it alone.

Exit code 0 proves nothing, and neither does `updated` (a worker's poll moves it). What proves the door is a nonce in
the treated deployment's description that only this door could have sent; what proves it went nowhere else is that the
twin's description and schedules are as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.history import Event, of_kind

_TWIN_KEEPS = ("description", "schedules", "paused", "concurrency_limit", "work_pool_name", "work_queue_name")


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
    nonce = str(door["nonce"])
    before, after = treated.get("before", {}), treated.get("after", {})
    if nonce not in str(after.get("description")):
        problems.append(
            f"{door['door']} exited 0, but this server's treated deployment does not bear its nonce: "
            f"{_last_line(door.get('output'))}"
        )
    if nonce in str(before.get("description")):
        problems.append("the treated deployment bore the nonce before the door was opened")
    if not before or not twin.get("before") or not twin.get("after"):
        problems.append("treated and twin were not both read before and after the door")
    problems += [
        f"the twin's {key} changed, though the door was to touch the treated deployment alone"
        for key in _TWIN_KEEPS
        if twin.get("before", {}).get(key) != twin.get("after", {}).get(key)
    ]
    if not problems and not door.get("answered_at"):
        problems.append("the server did not say when it updated the treated deployment")
    return problems


def _seen(events: Sequence[Event], side: str) -> dict[str, dict[str, Any]]:
    return {
        event["when"]: event["deployment"]
        for event in of_kind(events, "deployment")
        if event["side"] == side and "when" in event
    }


def _last_line(output: object) -> str:
    lines = [line.strip(" │╭╮╰╯─") for line in str(output or "").splitlines()]
    return next((line for line in reversed(lines) if line), "it printed nothing")
