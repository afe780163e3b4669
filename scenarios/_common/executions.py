"""Runs inside the subject, beside flow.py: the mark that a flow leaves outside of Prefect each time it runs.

Two lines of JSON an execution, in executions.jsonl beside this file: as it begins, with what it received, and as it
ends. Each is written by one call, so that executions side by side do not mix. A flow that
waits for a file does so by `wait_for`.
"""

import json
import os
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from prefect.runtime import flow_run

MARKS = Path(__file__).with_name("executions.jsonl")
GIVE_UP_AFTER = 900  # seconds; longer than any trial, so that only a lost signal ends a run this way


@contextmanager
def execution(**parameters):
    """Mark one execution of the flow run that this is called in; `parameters` are those that the flow received."""
    own = {"run": str(flow_run.id), "process": os.getpid(), "began": _now()}
    _append({**own, "parameters": parameters})
    try:
        yield
    finally:
        _append({**own, "ended": _now()})


def wait_for(name, *, held_by=None):
    """Wait until a file of this name lies beside this one; with `held_by`, only while a file of that name does."""
    deadline = time.monotonic() + GIVE_UP_AFTER
    while not _is_there(name) and (held_by is None or _is_there(held_by)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no file {name!r} within {GIVE_UP_AFTER} s")
        time.sleep(0.2)


def _is_there(name):
    return Path(__file__).with_name(name).exists()


def _now():
    return datetime.now(timezone.utc).isoformat()


def _append(mark):
    file = os.open(MARKS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(file, json.dumps(mark, default=str).encode() + b"\n")
    finally:
        os.close(file)
