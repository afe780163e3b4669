"""Runs inside the subject: it imports prefect, executions.py beside it, and the standard library."""

from pathlib import Path

from executions import execution, wait_for
from prefect import flow
from prefect.runtime import flow_run

_DELAY = Path(__file__).with_name("retry-delay")
RETRY_DELAY = float(_DELAY.read_text()) if _DELAY.exists() else 60.0  # seconds


def fail_the_first_time() -> None:
    """Once a run, as soon as every run has begun: so the delays of all begin together, however slow their start is.

    A run's own count of runs is not the same thing in every release while it retries.
    """
    tried = Path(__file__).with_name(f"tried-{flow_run.id}")
    if not tried.exists():
        wait_for("all-have-begun")
        tried.touch()
        raise RuntimeError("the first try fails, as it is meant to")


@flow(name="${FLOWS}-probe")
def probe() -> None:
    """Completes at once: the unhurt system works."""
    with execution():
        pass


@flow(name="${FLOWS}-treated", retries=1, retry_delay_seconds=RETRY_DELAY)
def treated(note: str = "") -> None:
    """Fails, and waits for its second try."""
    with execution(note=note):
        fail_the_first_time()


@flow(name="${FLOWS}-twin", retries=1, retry_delay_seconds=RETRY_DELAY)
def twin(note: str = "") -> None:
    """The twin's work, the same."""
    with execution(note=note):
        fail_the_first_time()
