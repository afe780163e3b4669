"""Runs inside the subject, beside flow.py: the mark that a flow leaves outside of Prefect each time it runs.

Two lines of JSON an execution, in executions.jsonl beside this file: as it begins, with what it received, and as it
ends. Each is written by one call, so that executions side by side do not mix.
"""

import json
import os
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from prefect.runtime import flow_run

MARKS = Path(__file__).with_name("executions.jsonl")


@contextmanager
def execution(**parameters):
    """Mark one execution of the flow run that this is called in; `parameters` are those that the flow received."""
    own = {"run": str(flow_run.id), "process": os.getpid(), "began": _now()}
    _append({**own, "parameters": parameters})
    try:
        yield
    finally:
        _append({**own, "ended": _now()})


def _now():
    return datetime.now(timezone.utc).isoformat()


def _append(mark):
    file = os.open(MARKS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, json.dumps(mark, default=str).encode() + b"\n")
    finally:
        os.close(file)
