"""Doors by the API, as Prefect's UI and clients open them.

Routes are those of 2.20 to 3.9 (read in Prefect's source, server/api/deployments.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.doors._door import CommandResult, Door, Treated
from harness.words.proof import REQUEST, Effect, Proof

ONE = "PATCH /api/deployments/{id} "
SCHEDULES = "/api/deployments/{id}/schedules"
FAR_AWAY = "DTSTART:20990101T000000\nRRULE:FREQ=DAILY;INTERVAL=1;COUNT=1"
ANOTHER_RULE = {"rrule": FAR_AWAY, "timezone": "UTC"}
ANOTHER_SCHEDULE = [{"active": True, "schedule": ANOTHER_RULE}]
PAUSED = Effect("paused", "becomes", value=True)
DELETED = Effect("deleted", "becomes", value=True)
OTHER_SCHEDULES = Effect("schedules", "changes")
THE_SAME_SCHEDULES = Effect("schedules", "stays")

_UPSERTED = (
    "name", "flow_id", "version", "tags", "parameters", "entrypoint", "path", "pull_steps", "work_pool_name",
    "work_queue_name", "concurrency_limit", "concurrency_options", "job_variables", "infra_overrides", "paused",
    "parameter_openapi_schema", "enforce_parameter_schema",
)  # fmt: skip
_OF_A_SCHEDULE = ("active", "schedule", "parameters", "slug")


def by_requests(*requests: str, effect: Effect | None = None) -> Proof:
    """Proven by the access log's lines, and by an effect where there is one to see."""
    return Proof(REQUEST, requests, (effect,) if effect else ())


def send(treated: Treated, method: str, path: str, body: Any = None) -> CommandResult:
    """One call; `{id}`, `{pool}` and `{schedule}` in the path are the treated deployment's, its first schedule's."""
    schedule = treated.schedules()[0]["id"] if "{schedule}" in path else ""
    route = path.format(id=treated.id, pool=treated.pool, schedule=schedule)
    started = treated.clock.monotonic()
    status, text = treated.api.send_once(method, route, body)
    code = 0 if 200 <= status < 300 else status
    said = f"{method} /api{route} answered {status} {text[:300]}"
    return CommandResult(code, said, treated.clock.monotonic() - started)


def request(method: str, path: str, body: Any = None) -> Callable[[Treated, str], CommandResult]:
    """What opens a door by one call, whose body is always the same."""

    def open_(treated: Treated, _nonce: str) -> CommandResult:
        return send(treated, method, path, body)

    return open_


def upsert(treated: Treated, description: str, **changed: str) -> CommandResult:
    """POST /deployments/ of the treated deployment, all as it was but for the description and what is `changed`."""
    there = treated.read()
    schedules = [{key: s[key] for key in _OF_A_SCHEDULE if s.get(key) not in (None, {})} for s in there["schedules"]]
    same = {key: there[key] for key in _UPSERTED if there.get(key) is not None}
    if limit := (there.get("global_concurrency_limit") or {}).get("limit"):  # from 3.1 on the other one is always null
        same["concurrency_limit"] = limit
    sent = {**same, "schedules": schedules, "description": description, **changed}
    return send(treated, "POST", "/deployments/", sent)


def on_schedules(open_: Callable[[Treated, str], CommandResult], *requests: str, family: str = "") -> Door:
    """A door that changes the deployment's schedules, proven by these requests and by the change itself."""
    return Door(open_, by_requests(*requests, effect=OTHER_SCHEDULES), family=family)
