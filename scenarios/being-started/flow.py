"""Runs inside the subject: it imports prefect, executions.py beside it, and the standard library.

The process of a flow run imports this file while the run is Pending. There it waits for its signal.
"""

import os
import time
from pathlib import Path

from executions import execution
from prefect import flow

GIVE_UP_AFTER = 900  # seconds; longer than any trial, so that only a lost signal ends a run this way
HOLD, SIGNAL = Path(__file__).with_name("hold"), Path(__file__).with_name("signal")
OF_A_RUN = "PREFECT__FLOW_RUN_ID" in os.environ  # and not that of `prefect deploy`

deadline = time.monotonic() + GIVE_UP_AFTER
while OF_A_RUN and HOLD.exists() and not SIGNAL.exists():
    if time.monotonic() > deadline:
        raise TimeoutError(f"no signal within {GIVE_UP_AFTER} s")
    time.sleep(0.2)


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
