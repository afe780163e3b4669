"""Imports Prefect, and all that a lab's processes import of it, before anything is forked."""

from __future__ import annotations

import importlib
import os
import platform
import sys

from .client import is_open

# What a lab's processes import, from 2.20 to 3.9; a module that a release does not have is passed over.
_WARM = [
    "prefect.main",
    "prefect.cli",
    "prefect.cli.deploy",
    "prefect.cli.worker",
    "prefect.cli.server",
    "prefect.cli.deployment",
    "prefect.engine",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.workers.process",
    "prefect.runner",
    "prefect.deployments.runner",
    "prefect.deployments.steps",
    "prefect.deployments.steps.core",
    "prefect.deployments.steps.pull",
    "prefect.server.api.server",
    "prefect.server.services.scheduler",
    "prefect.server.services.late_runs",
    "prefect.server.database.alembic_commands",
    "prefect.server.models.block_registration",
    "uvicorn",
    "uvicorn.main",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.auto",
    "uvicorn.loops.auto",
    "aiosqlite",
    "asyncpg",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "yaml",
    "multiprocessing.spawn",
    "multiprocessing.popen_spawn_posix",
    "importlib.metadata",
]


def import_everything(imported: set[str]) -> str:
    """Import what a lab's processes import; returns why this interpreter cannot fork, or nothing.

    `imported` is given the names of the modules that `import prefect` alone brings.
    """
    if sys.platform != "linux" or platform.python_implementation() != "CPython":
        return f"a fork server needs CPython on Linux, and this is {platform.python_implementation()} on {sys.platform}"
    open_before = open_descriptors()
    importlib.import_module("prefect")
    imported.update(sys.modules)
    for name in _WARM:
        try:
            importlib.import_module(name)
        except Exception as error:  # some releases cannot; the process that needs the module will say so itself
            if not (isinstance(error, ImportError) and name.startswith((error.name or "?").partition(".")[0])):
                print(f"fork server: {name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        return f"importing Prefect started {threads - 1} threads, which a fork would not take along"
    if left := open_descriptors() - open_before:
        return f"importing Prefect left {len(left)} descriptors open, which every fork would share"
    return ""


def open_descriptors() -> set[int]:
    """The numbers of this process's open descriptors."""
    return {number for number in map(int, os.listdir("/proc/self/fd")) if is_open(number)}
