"""Runs inside the subject: it imports prefect, executions.py beside it, and the standard library.

The flows of every scenario that has no flow.py of its own. `FLOWS` is filled in with the scenario's name.
"""

from executions import execution, wait_for
from prefect import flow


def work() -> None:
    """It ends at once, or, where a fault put the file `hold` beside it, once it is given its signal."""
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
        work()


@flow(name="${FLOWS}-twin")
def twin(note: str = "") -> None:
    """The twin's work, the same."""
    with execution(note=note):
        work()
