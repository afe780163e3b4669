"""What a person can ask for: one file a command. A new file is a new command.

The first line of a file's docstring is what the help says of it. It has `add(parser)`, which adds its options, and
`run(options, console)`, which returns the exit code; DESCRIPTION and EPILOG where it says more. Files whose names
begin with `_` are what commands have in common.
"""

from __future__ import annotations

import argparse
import ast
import functools
import importlib
import pkgutil
from pathlib import Path
from typing import Protocol

from rich.console import Console


class Command(Protocol):
    """A module of this folder."""

    DESCRIPTION: str
    EPILOG: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Add its options."""

    def run(self, options: argparse.Namespace, console: Console) -> int:
        """Carry it out; returns the exit code. Raises: UsageError, LabError, Interrupted."""


@functools.cache
def commands() -> dict[str, str]:
    """Each command's name and the line that the help has of it, without importing any; in alphabetical order."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            file = next(path for folder in __path__ if (path := Path(folder) / f"{module.name}.py").exists())
            said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or module.name
            found[module.name.replace("_", "-")] = said.splitlines()[0].rstrip(".")
    return dict(sorted(found.items()))


def command_named(name: str) -> Command:
    """The command of that name."""
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    for missing in ("DESCRIPTION", "EPILOG"):
        vars(module).setdefault(missing, "")
    return module
