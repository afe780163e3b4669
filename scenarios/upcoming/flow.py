"""Runs inside the subject: it imports prefect and the standard library alone."""

from prefect import flow


@flow(name="upcoming-probe")
def probe() -> None:
    """Completes at once: the unhurt system works."""


@flow(name="upcoming-treated")
def treated(note: str = "") -> None:
    """The treated deployment's work; its runs only need to happen."""


@flow(name="upcoming-twin")
def twin(note: str = "") -> None:
    """The twin's work, the same."""
