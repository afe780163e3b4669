"""Runs inside the subject: it imports prefect and the standard library alone."""

import time
from pathlib import Path

from prefect import flow

GIVE_UP_AFTER = 900  # seconds; longer than any trial, so that only a lost signal ends a run this way
SIGNAL = Path(__file__).with_name("signal")


def wait_for_signal() -> None:
    deadline = time.monotonic() + GIVE_UP_AFTER
    while not SIGNAL.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no signal within {GIVE_UP_AFTER} s")
        time.sleep(0.2)


@flow(name="serve-probe")
def probe() -> None:
    """Completes at once: the unhurt system works."""


@flow(name="serve-treated")
def treated(note: str = "") -> None:
    """Holds what the limit lets through until the signal is given."""
    wait_for_signal()


@flow(name="serve-twin")
def twin(note: str = "") -> None:
    """The twin, the same."""
    wait_for_signal()
