"""Runs inside the subject: it imports prefect and the standard library alone."""

from prefect import flow


@flow(name="user-created-probe")
def probe() -> None:
    """Completes at once: the unhurt system works."""


@flow(name="user-created-treated")
def treated(note: str = "") -> None:
    """What a person asked for; it ends at once."""


@flow(name="user-created-twin")
def twin(note: str = "") -> None:
    """The twin's work, the same."""
