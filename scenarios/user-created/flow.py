"""Runs inside the subject: it imports prefect, executions.py beside it, and the standard library."""

from executions import execution
from prefect import flow


@flow(name="user-created-probe")
def probe() -> None:
    """Completes at once: the unhurt system works."""
    with execution():
        pass


@flow(name="user-created-treated")
def treated(note: str = "") -> None:
    """What a person asked for; it ends at once."""
    with execution(note=note):
        pass


@flow(name="user-created-twin")
def twin(note: str = "") -> None:
    """The twin's work, the same."""
    with execution(note=note):
        pass
