"""Which engine a run uses."""

from __future__ import annotations

from harness.engines.base import Engine
from harness.engines.containers.connection import connect
from harness.engines.containers.engine import Containers
from harness.engines.processes.engine import Processes
from harness.words.errors import LabError, UsageError, no_such
from harness.words.names import ENGINES


def engine_named(name: str) -> Engine:
    """The engine of that name. Raises LabError if it does not answer."""
    return Containers() if name == "containers" else Processes()


def choose_engine(asked: str | None) -> tuple[Engine, str]:
    """The engine, and why it is this one. Raises UsageError if the one asked for does not exist or does not answer."""
    if asked is None:
        try:
            connect().close()
        except LabError as error:
            return Processes(), f"processes, because {error.reason}"
        return Containers(), "containers, because a Docker engine answers"
    if asked not in ENGINES:
        raise no_such("engine", asked, ENGINES, cutoff=0.6)
    try:
        return engine_named(asked), f"{asked}, as asked"
    except LabError as error:
        raise UsageError(
            f"{error.reason}.\nStart one (on Debian as root: docker/engine.sh), or use --engine processes."
        ) from error
