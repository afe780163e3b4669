"""What of the server's answers, and of a command's end, a history keeps."""

from __future__ import annotations

import re
from typing import Any

from harness.engines.base import CommandResult

_DEPLOYMENT = (
    "id", "name", "description", "updated", "paused", "parameters", "tags", "job_variables", "entrypoint",
    "work_pool_name", "work_queue_name", "concurrency_limit", "deleted",
)  # fmt: skip
_RUN = (
    "side", "name", "flow_id", "deployment_id", "work_pool_name", "work_queue_name", "parameters", "job_variables",
    "idempotency_key", "expected_start_time", "next_scheduled_start_time",
    "state_type", "state_name", "state_id", "start_time", "run_count", "auto_scheduled",
)  # fmt: skip
_UNHAPPY = {"FAILED", "CRASHED", "CANCELLED"}
_OUTPUT = 8000


def deployment_facts(deployment: dict[str, Any]) -> dict[str, Any]:
    """A deployment as a history keeps it; its schedules by id, in the server's order."""
    schedules = deployment.get("schedules") or []
    return {
        **{key: deployment.get(key) for key in _DEPLOYMENT},
        "schedules": [{key: s.get(key) for key in ("id", "active", "slug", "schedule")} for s in schedules],
    }


def run_facts(run: dict[str, Any]) -> dict[str, Any]:
    """A flow run as a history keeps it; `run` is its id."""
    state = run.get("state") or {}
    facts = {"run": run["id"], **{key: run.get(key) for key in _RUN}, "state_timestamp": state.get("timestamp")}
    facts["tags"] = sorted(map(str, run.get("tags") or ()))
    # Why a run ended otherwise than Completed, in Prefect's words.
    return {**facts, "state_message": str(state.get("message"))[:1000]} if state.get("type") in _UNHAPPY else facts


def state_facts(state: dict[str, Any]) -> dict[str, Any]:
    """One state of a flow run as a history keeps it."""
    return {key: state.get(key) for key in ("id", "type", "name", "timestamp")}


def result_facts(result: CommandResult) -> dict[str, Any]:
    """How a command ended, its output without empty lines and cut at its end."""
    output = re.sub(r"\n{2,}", "\n", result.output).strip()[-_OUTPUT:]
    return {"exit_code": result.exit_code, "seconds": round(result.seconds, 1), "output": output}
