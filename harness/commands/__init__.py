"""What a person can ask for: one file a command. A new file is a new command.

The first line of a file's docstring is what the help says of it. The file has a dataclass `Ask`, whose fields are its
options (words/options.py), and `run(ask, console)`, which returns the exit code; DESCRIPTION and EPILOG if the help
should say more. Files whose names begin with `_` are what commands have in common.
"""

from __future__ import annotations

import ast
import functools
import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from harness.words.options import Parser, add_options, ask_of


class Command(Protocol):
    """A module of this folder."""

    DESCRIPTION: str
    EPILOG: str
    Ask: type

    def run(self, ask: Any, console: Console) -> int:
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


def as_typed(name: str) -> str:
    """A command as a person types it: where several begin with one word, that word stands alone (`guard check`)."""
    first, _, rest = name.partition("-")
    return f"{first} {rest}" if rest and sum(other.startswith(f"{first}-") for other in commands()) > 1 else name


def command_named(name: str) -> Command:
    """The command of that name."""
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    for missing in ("DESCRIPTION", "EPILOG"):
        vars(module).setdefault(missing, "")
    return module


def parser_of(name: str) -> Parser:
    """The command line of the command of that name."""
    command, says = command_named(name), commands()[name]
    said = command.DESCRIPTION or f"{says[:1].upper()}{says[1:]}."
    parser = Parser(prog=f"harness {as_typed(name)}", description=said, epilog=command.EPILOG)
    add_options(parser, command.Ask)
    return parser


def read(name: str, words: Sequence[str]) -> Any:
    """What these words ask of the command of that name: its Ask. Raises: UsageError; SystemExit after a help."""
    return ask_of(command_named(name).Ask, parser_of(name).parse_args(words))
