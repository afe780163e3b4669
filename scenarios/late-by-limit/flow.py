"""Runs inside the subject: it imports prefect, executions.py beside it, and the standard library."""

import time
from pathlib import Path

from executions import execution
from prefect import flow

GIVE_UP_AFTER = 900  # seconds; longer than any trial, so that only a lost signal ends a run this way
SIGNAL = Path(__file__).with_name("signal")


def wait_for_signal() -> None:
    deadline = time.monotonic() + GIVE_UP_AFTER
    while not SIGNAL.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no signal within {GIVE_UP_AFTER} s")
        time.sleep(0.2)


@flow(name="late-by-limit-probe")
def probe() -> None:
    """Completes at once: the unhurt system works."""
    with execution():
        pass


@flow(name="late-by-limit-treated")
def treated(note: str = "") -> None:
    """Holds what the limit lets through until the signal is given."""
    with execution(note=note):
        wait_for_signal()


@flow(name="late-by-limit-twin")
def twin(note: str = "") -> None:
    """The twin, the same."""
    with execution(note=note):
        wait_for_signal()
