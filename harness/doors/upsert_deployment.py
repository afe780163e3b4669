"""POST /deployments/, all as it was but for the description."""

from __future__ import annotations

from harness.doors._door import CommandResult, Door, Facts, Treated
from harness.doors._http import send

_UPSERTED = (
    "name", "flow_id", "version", "tags", "parameters", "entrypoint", "path", "pull_steps", "work_pool_name",
    "work_queue_name", "concurrency_limit", "concurrency_options", "job_variables", "infra_overrides", "paused",
    "parameter_openapi_schema", "enforce_parameter_schema",
)  # fmt: skip
_OF_A_SCHEDULE = ("active", "schedule", "parameters", "slug")


def upsert_deployment(treated: Treated, nonce: str) -> CommandResult:
    there: Facts = treated.read()
    schedules = [{key: s[key] for key in _OF_A_SCHEDULE if s.get(key) not in (None, {})} for s in there["schedules"]]
    same = {key: there[key] for key in _UPSERTED if there.get(key) is not None}
    return send(treated, "POST", "/deployments/", {**same, "schedules": schedules, "description": nonce})


door = Door(upsert_deployment, family="update")
