"""One look at a live server: every deployment by digests of its fields, and what waits of each."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from harness.guard.client import Client
from harness.guard.listing import clock_of, flow_names, is_gone, rows, runs_by_id, version_of, waiting
from harness.guard.runs import AWAITING_SLOT, UPCOMING, Run, is_held, kind_of

_OF_A_SCHEDULE = ("schedule", "active", "slug", "parameters", "max_active_runs", "max_scheduled_runs", "catchup")
SCHEDULES, ANEW, LIMIT = "schedules", "schedules made anew", "concurrency_limit"


class _Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What a deploy or a person sets of a deployment. What a release does not have is None at each look.

    Left out is what moves by itself: `updated` at each poll of a worker (up to at least 3.6), `last_polled`, `status`,
    and the slots in use.
    """

    id: str
    name: str
    flow_id: str
    schedules: list[dict[str, Any]] = []
    concurrency_limit: Any = None
    global_concurrency_limit: dict[str, Any] | None = None  # it has the limit from 3.0.4 on
    version: Any = None
    version_id: Any = None
    description: Any = None
    tags: Any = None
    labels: Any = None
    parameters: Any = None
    parameter_openapi_schema: Any = None
    enforce_parameter_schema: Any = None
    entrypoint: Any = None
    path: Any = None
    pull_steps: Any = None
    work_pool_name: Any = None
    work_queue_name: Any = None
    job_variables: Any = None
    infra_overrides: Any = None
    infrastructure_document_id: Any = None
    storage_document_id: Any = None
    paused: Any = None
    is_schedule_active: Any = None
    concurrency_options: Any = None


_AS_THEY_ARE = _Deployment.__struct_fields__[6:]  # by their own names


@dataclass(frozen=True)
class Known:
    """A deployment: its name as FLOW/NAME, and a digest of each field. Values may be secret, and are not kept."""

    name: str
    digests: Mapping[str, str]

    def differs_from(self, other: Known) -> tuple[str, ...]:
        """The fields of both that are not the same, and `name`; by the alphabet."""
        both = self.digests.keys() & other.digests.keys()
        fields = {field for field in both if self.digests[field] != other.digests[field]}
        if SCHEDULES in fields:
            fields.discard(ANEW)  # it goes without saying
        return tuple(sorted(fields | ({"name"} if self.name != other.name else set())))


@dataclass(frozen=True)
class Looked:
    """What a look found. All but `runs` is by the id of a deployment.

    at       the server's clock as it began
    waiting  how many runs wait, by kind of backlog; upcoming ones are left out
    late     how many are not held, and later than a watch takes for usual
    oldest   the oldest tick of those that are overdue
    runs     each that waits, with its deployment
    """

    at: datetime
    version: str
    deployments: Mapping[str, Known]
    waiting: Mapping[str, Mapping[str, int]]
    late: Mapping[str, int]
    oldest: Mapping[str, datetime]
    runs: Mapping[str, str]

    def name_of(self, deployment: str) -> str:
        """Its name; its id where the server has it no more."""
        return self.deployments[deployment].name if deployment in self.deployments else deployment

    def total(self, kind: str) -> int:
        """How many runs of a kind wait in all."""
        return sum(each.get(kind, 0) for each in self.waiting.values())

    def slots(self, deployment: str) -> int:
        """How many wait for a slot."""
        return self.waiting.get(deployment, {}).get(AWAITING_SLOT, 0)


def look_at(client: Client, flows: MutableMapping[str, str], late_after: timedelta) -> Looked:
    """Look once. `flows` has the names of flows that are known already, and learns others. Raises: NoWordError.

    The runs come first: where a deploy comes between both, its change is seen with the backlog as it was.
    """
    version, now = version_of(client), clock_of(client)
    counted: dict[str, Counter[str]] = {}
    late: Counter[str] = Counter()
    oldest: dict[str, datetime] = {}
    runs: dict[str, str] = {}
    for run in waiting(client):
        kind, known = kind_of(run, now), str(run.deployment_id)
        if kind == UPCOMING:
            continue
        counted.setdefault(known, Counter())[kind] += 1
        runs[run.id] = known
        if _is_due(run, now):
            late[known] += bool(run.tick and run.tick + late_after < now)
            oldest[known] = min(run.tick or now, oldest.get(known, now))
    return Looked(now, version, _deployments(client, flows), counted, late, oldest, runs)


def _is_due(run: Run, now: datetime) -> bool:
    return not is_held(run) and run.tick is not None and run.tick <= now


def _deployments(client: Client, flows: MutableMapping[str, str]) -> dict[str, Known]:
    found = list(rows(client, "/deployments/filter", {}, _Deployment, "NAME_ASC"))
    flows.update(flow_names(client, {one.flow_id for one in found} - flows.keys()))
    return {one.id: Known(f"{flows.get(one.flow_id, one.flow_id)}/{one.name}", digests_of(one)) for one in found}


def digests_of(one: _Deployment) -> dict[str, str]:
    """By field: a digest of its value."""
    limits = (one.concurrency_limit, (one.global_concurrency_limit or {}).get("limit"))
    schedules = sorted(_digest({name: schedule.get(name) for name in _OF_A_SCHEDULE}) for schedule in one.schedules)
    return {
        **{name: _digest(getattr(one, name)) for name in _AS_THEY_ARE},
        LIMIT: _digest(limits),
        SCHEDULES: _digest(schedules),
        ANEW: _digest(sorted(str(schedule.get("id")) for schedule in one.schedules)),
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()[:16]


def deleted(client: Client, before: Looked, after: Looked) -> dict[str, list[str]]:
    """By deployment: the runs that waited at a look, do not at the next, and are gone. Raises: NoWordError."""
    left = before.runs.keys() - after.runs.keys()
    there = {run.id for run in runs_by_id(client, left)}
    found: dict[str, list[str]] = {}
    for known in sorted(left - there):
        if is_gone(client, known):  # rule: guard-watch-deleted-by-two-looks (always)
            found.setdefault(before.runs[known], []).append(known)
    return found
