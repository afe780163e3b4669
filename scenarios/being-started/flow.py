"""Runs inside the subject: it imports prefect, executions.py beside it, and the standard library.

The process of a flow run imports this file while the run is Pending. There it waits for its signal.
"""

import os
import uuid
from pathlib import Path

from executions import execution, wait_for
from prefect import flow

WAITING = Path(__file__).with_name("waiting")  # the ids of the runs whose processes came as far as this
OF_A_RUN = "PREFECT__FLOW_RUN_ID" in os.environ  # and not that of `prefect deploy`

if OF_A_RUN:
    file = os.open(WAITING, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, f"{uuid.UUID(os.environ['PREFECT__FLOW_RUN_ID'])}\n".encode())
    os.close(file)
    wait_for("signal", held_by="hold")


@flow(name="${FLOWS}-probe")
def probe() -> None:
    """Completes at once: the unhurt system works."""
    with execution():
        pass


@flow(name="${FLOWS}-treated")
def treated(note: str = "") -> None:
    """The treated deployment's work."""
    with execution(note=note):
        pass


@flow(name="${FLOWS}-twin")
def twin(note: str = "") -> None:
    """The twin's work, the same."""
    with execution(note=note):
        pass
