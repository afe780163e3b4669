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

import msgspec

from harness.checkers._check import Check
from harness.checkers._deeds import undone
from harness.checkers._trial import came_to_its_end, is_absolute
from harness.history import of_kind
from harness.words.events import DeploymentRead, DoorClosed, DoorOpens, EffectSeen, Event
from harness.words.facts import Deployment
from harness.words.names import SIDES
from harness.words.outcomes import ERROR
from harness.words.proof import DEEDS, NONCE, NOTHING, REDEPLOY, REQUEST, Proof

_KEPT = (
    "description",
    "schedules",
    "paused",
    "parameters",  # rule: twin-is-unchanged-in-all
    "tags",
    "job_variables",
    "entrypoint",
    "concurrency_limit",
    "limit",
    "concurrency_options",
    "work_pool_name",
    "work_queue_name",
    "pool_paused",  # rule: twin-pool-is-unchanged
    "pool_limit",
    "queue_paused",
    "queue_limit",
)
Facts = dict[str, Any]


def check(events: Sequence[Event]) -> Check:
    """`error` where a trial came to its end and its door is not proven."""
    problems = check_door(events) if came_to_its_end(events) else []  # rule: error-door-not-proven (gives [])
    if not problems:
        return Check()
    output = "".join(door.output for door in of_kind(events, DoorClosed)[-1:])
    return Check(outcome=ERROR, reason="; ".join(problems), source="deployer", log=output)


def check_door(events: Sequence[Event]) -> list[str]:
    """What is wrong with the door, each in one sentence; empty where it is proven."""
    doors = of_kind(events, DoorClosed)
    if not doors:
        return ["the door was never opened"]  # rule: error-never-opened
    door = doors[-1]
    if door.exit_code != 0:  # rule: error-door-exit-code
        return [f"{door.door} exited {door.exit_code}: {_last_line(door.output)}"]
    seen = deployments_read(events)
    before, after, twin_before, twin_after = (
        seen[side, when].as_json() if (side, when) in seen else {} for side in SIDES for when in ("before", "after")
    )
    problems = []
    if not (before and after and twin_before and twin_after):  # rule: error-both-read
        problems.append("treated and twin were not both read before and after the door")
    proof = proof_of(events)
    # rule: error-effect-missing (never)
    missing = [effect.told(before, after) for effect in proof.effects if not effect.shown(before, after)]
    if missing or any(not effect.shown for effect in of_kind(events, EffectSeen)):
        wanted = "".join(f" ({one})" for one in missing[:1])
        problems.append(f"{door.door} exited 0, but the treated deployment does not show what it was to do{wanted}")
    problems += _PROOFS[proof.by](door, proof.requests, before, after)
    problems += undone(events, proof.deeds)
    if door.nonce and door.nonce in json.dumps([twin_before, twin_after]):  # rule: error-nonce-on-the-twin
        problems.append("the twin bears the nonce of the door, which was to touch the treated deployment alone")
    if not is_absolute(events):  # rule: absolute-twin-may-change (always)
        problems += [
            f"the twin's {key} changed, though the door was to touch the treated deployment alone"
            for key in _KEPT
            if twin_before.get(key) != twin_after.get(key)  # rule: error-twin-changed (never)
        ]
    if not problems and not door.answered_at:  # rule: error-no-answer-time
        problems.append("the server did not say when it updated the treated deployment")
    return problems


def deployments_read(events: Sequence[Event]) -> dict[tuple[str, str | None], Deployment]:
    """The last reading of each deployment, by its side and by when it was read."""
    return {(event.side, event.when): event.deployment for event in of_kind(events, DeploymentRead)}


def proof_of(events: Sequence[Event]) -> Proof:
    """How the door was to be proven, as it was written down before it was opened.

    Before schema 6 the door's own event had parts of it.
    """
    for opened in of_kind(events, DoorOpens):
        if isinstance(opened.proof, Proof):
            return opened.proof
    door = of_kind(events, DoorClosed)[-1]
    return msgspec.convert({"by": door.proof or NONCE, "requests": door.requests}, Proof)


def _by_nonce(door: DoorClosed, _requests: Sequence[str], before: Facts, after: Facts) -> list[str]:
    problems = []
    if door.nonce not in json.dumps(after):  # rule: error-no-nonce
        problems.append(
            f"{door.door} exited 0, but this server's treated deployment does not bear its nonce: "
            f"{_last_line(door.output)}"
        )
    if door.nonce in json.dumps(before):  # rule: error-nonce-before
        problems.append("the treated deployment bore the nonce before the door was opened")
    return problems


def _by_request(door: DoorClosed, requests: Sequence[str], _before: Facts, _after: Facts) -> list[str]:
    return [
        f"{door.door} exited 0, but this server's access log has no {request.strip()!r} that was answered 2xx"
        for request in requests
        if not _answered(door, request)  # rule: error-request-not-logged (never)
    ]


def _by_redeploy(door: DoorClosed, requests: Sequence[str], before: Facts, after: Facts) -> list[str]:
    """By a PATCH of the deployment (`prefect deploy` from 3.2.0 on), else by a POST that names none and new schedules.

    Another trial of the lab may have sent that POST, so it proves nothing alone; up to 3.1 it makes the schedules anew.
    """
    if not (missing := _by_request(door, requests, before, after)):
        return []
    kept = {schedule["id"] for schedule in before.get("schedules", ())}
    new = {schedule["id"] for schedule in after.get("schedules", ())} - kept
    # rule: error-redeploy-elsewhere (without first)
    return [] if new and _answered(door, "POST /api/deployments/ ") else missing


def _answered(door: DoorClosed, request: str) -> bool:
    lines = (line for line in door.server_log if re.search(request, line))
    return any(re.search(r'HTTP/[\d.]+" 2\d\d', line) for line in lines)  # rule: error-request-not-2xx


def _by_nothing(_door: DoorClosed, _requests: Sequence[str], before: Facts, after: Facts) -> list[str]:
    # rule: error-null-door-changed (gives [])
    return [f"the treated deployment's {key} changed" for key in _KEPT if before.get(key) != after.get(key)]


def _by_deeds(*_: object) -> list[str]:
    """By its deeds alone, which every door has to show that has any."""
    return []


_PROOFS = {
    NONCE: _by_nonce, REQUEST: _by_request, REDEPLOY: _by_redeploy, NOTHING: _by_nothing, DEEDS: _by_deeds,
}  # fmt: skip


def _last_line(output: str) -> str:
    lines = [line.strip(" │╭╮╰╯─") for line in output.splitlines()]
    return next((line for line in reversed(lines) if line), "it printed nothing")
