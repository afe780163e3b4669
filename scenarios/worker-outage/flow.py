"""Runs inside the subject: it imports prefect and the standard library alone."""

from prefect import flow


@flow(name="worker-outage-probe")
def probe() -> None:
    """Completes at once: the unhurt system works."""


@flow(name="worker-outage-treated")
def treated(note: str = "") -> None:
    """The treated deployment's work; its runs only need to happen."""


@flow(name="worker-outage-twin")
def twin(note: str = "") -> None:
    """The twin's work, the same."""
