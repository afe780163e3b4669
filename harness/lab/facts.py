"""What a history keeps of the server's answers and its log, of a command's end, and of a flow's own marks."""

from __future__ import annotations

import json
import re
from typing import Any

from harness.engines.base import CommandResult
from harness.words.facts import Deployment, FlowRun, RunState, Schedule, in_state

# What is taken as the server has it: each field of a history's record that is not made here of several.
_DEPLOYMENT = [name for name in Deployment.__struct_fields__ if name not in ("defaults", "limit", "schedules")]
_MADE_HERE = ("run", "tags", "state_timestamp", "state_message", "schedule_id")
_RUN = [name for name in FlowRun.__struct_fields__ if name not in _MADE_HERE]
_OF_A_RUN = ("id", "tags", "created_by", *_RUN)
_OF_ITS_STATE = ("type", "timestamp", "message")
_SCHEDULE, _STATE = Schedule.__struct_fields__, RunState.__struct_fields__
_MARK = ("run", "process", "began")  # in each mark; two marks that agree in these are of one execution
_UNHAPPY = {"FAILED", "CRASHED", "CANCELLED"}
_OUTPUT = 8000
# An error as a log names it; an engine may put its time before it.
_ERROR = re.compile(r"^(?:\S+Z )?([\w.]+(?:Error|Exception)\b.*)$", re.MULTILINE)


def deployment_facts(deployment: dict[str, Any]) -> dict[str, Any]:
    """A deployment as a history keeps it; its schedules in the order of their ids.

    `defaults` are those that its flow's parameters have, as the schema that `prefect deploy` made of the flow says.
    """
    schedules = sorted(deployment.get("schedules") or [], key=lambda schedule: str(schedule.get("id")))
    # From 3.1 on a server says it here, and `concurrency_limit` is always null (read, 3.9.1: schemas/responses.py).
    limit = (deployment.get("global_concurrency_limit") or {}).get("limit", deployment.get("concurrency_limit"))
    parameters = (deployment.get("parameter_openapi_schema") or {}).get("properties") or {}
    return {
        **{key: deployment.get(key) for key in _DEPLOYMENT},
        "limit": limit,
        "defaults": {name: one["default"] for name, one in parameters.items() if "default" in one},
        "schedules": [{key: s.get(key) for key in _SCHEDULE} for s in schedules],
    }


def read_of(run: dict[str, Any]) -> dict[str, Any]:
    """What the harness reads of a flow run, as the server answered it: of tens of thousands, the rest fills memory."""
    state = run.get("state") or {}
    kept = {key: run[key] for key in _OF_A_RUN if key in run}
    return {**kept, "state": {key: state[key] for key in _OF_ITS_STATE if key in state}}


def run_facts(run: dict[str, Any]) -> dict[str, Any]:
    """A flow run as a history keeps it; `run` is its id."""
    state = run.get("state") or {}
    facts = {"run": run["id"], **{key: run.get(key) for key in _RUN}, "state_timestamp": state.get("timestamp")}
    by = run.get("created_by") or {}  # from 3.2.0 on
    facts["schedule_id"] = by.get("id") if by.get("type") == "SCHEDULE" else None
    facts["tags"] = sorted(map(str, run.get("tags") or ()))
    # For a run that ended in another state than Completed: why, in Prefect's words.
    return {**facts, "state_message": str(state.get("message"))[:1000]} if state.get("type") in _UNHAPPY else facts


def is_in(run: dict[str, Any], state: str) -> bool:
    """Whether a run, as the server answered it, is in a state of this name, or of this type in capitals."""
    return in_state(state, run["state_name"], run["state_type"])


def state_facts(state: dict[str, Any]) -> dict[str, Any]:
    """One state of a flow run as a history keeps it."""
    return {key: state.get(key) for key in _STATE}


def result_facts(result: CommandResult) -> dict[str, Any]:
    """How a command ended. Of its output the last 8,000 characters are kept, without empty lines."""
    output = re.sub(r"\n{2,}", "\n", result.output).strip()[-_OUTPUT:]
    return {"exit_code": result.exit_code, "seconds": round(result.seconds, 1), "output": output}


def execution_facts(text: str) -> list[dict[str, Any]]:
    """The executions that a file of marks tells of (scenarios/_common/executions.py), in the order they began in.

    Each has `run` (the flow run's id), `process`, `began`, `parameters`, and `ended`: None if it has not ended.
    Raises: ValueError for a line that is no mark. A last line without its end is being written, and is left out.
    """
    began: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in text[: text.rfind("\n") + 1].splitlines():
        try:
            mark = json.loads(line)
            which = tuple(mark[key] for key in _MARK)
            if "ended" in mark:
                began[which]["ended"] = mark["ended"]
            else:
                began[which] = {**dict(zip(_MARK, which, strict=True)), "parameters": mark["parameters"], "ended": None}
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"no mark of an execution: {line[:200]!r}") from None
    return list(began.values())


def last_error(log: str) -> str:
    """The last error that a log names, as the end of a sentence; empty if it names no error."""
    found = _ERROR.findall(log)
    return f"; the last error in the server's log: {found[-1][:200]}" if found else ""
