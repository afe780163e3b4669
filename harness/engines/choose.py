"""Which engine a run uses."""

from __future__ import annotations

import importlib
from typing import cast

from harness.engines.base import Engine
from harness.words.errors import LabError, UsageError, no_such
from harness.words.names import ENGINES


def engine_named(name: str) -> Engine:
    """The engine of that name; of the two rooms, that one alone is imported. Raises LabError if it does not answer."""
    room = importlib.import_module(f"harness.engines.{name}.engine")
    return cast(Engine, getattr(room, name.capitalize())())


def choose_engine(asked: str | None) -> tuple[Engine, str]:
    """The engine, and why it is this one. Raises UsageError if the one asked for does not exist or does not answer."""
    if asked is None:
        try:
            return engine_named("containers"), "containers, because a Docker engine answers"
        except LabError as error:
            return engine_named("processes"), f"processes, because {error.reason}"
    if asked not in ENGINES:
        raise no_such("engine", asked, ENGINES, cutoff=0.6)
    try:
        return engine_named(asked), f"{asked}, as asked"
    except LabError as error:
        raise UsageError(
            f"{error.reason}.\nStart one (on Debian as root: docker/engine.sh), or use --engine processes."
        ) from error
