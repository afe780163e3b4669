"""Runs inside the subject: it imports prefect, executions.py beside it, and the standard library."""

from executions import execution
from prefect import flow


@flow(name="upcoming-probe")
def probe() -> None:
    """Completes at once: the unhurt system works."""
    with execution():
        pass


@flow(name="upcoming-treated")
def treated(note: str = "") -> None:
    """The treated deployment's work; its runs only need to happen."""
    with execution(note=note):
        pass


@flow(name="upcoming-twin")
def twin(note: str = "") -> None:
    """The twin's work, the same."""
    with execution(note=note):
        pass
