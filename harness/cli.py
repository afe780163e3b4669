"""The command `harness`: it answers for signals and exit codes, and says what went wrong in a few lines.

The commands lie in harness/commands, one file each; only the one that is asked for is imported.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import IO, Any

from rich.console import Console

from harness.commands import Command, as_typed, command_named, commands, read
from harness.verdict.outcomes import EXIT_UNJUDGED, EXIT_USAGE
from harness.words import ownership
from harness.words.errors import Interrupted, LabError, UsageError, no_such
from harness.words.names import SIGNALS
from harness.words.options import Parser


def write_nowhere(*outputs: IO[str]) -> None:
    """Send what is written to these outputs to /dev/null from now on: nobody reads it any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in outputs:
        os.dup2(nowhere, output.fileno())
    os.close(nowhere)


class _PipedConsole(Console):
    """A console whose reader may go away (`| head`) or whose disk may be full.

    The run goes on without it, and its exit code does not change.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich's own, as long as the output can be written."""
        try:
            super().print(*objects, **options)
        except OSError:
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Write nowhere from now on."""
        self.quiet = True
        write_nowhere(self.file)


def _parser() -> Parser:
    """The command line up to the command's name: every command with a line of its own."""
    whole = Parser(prog="harness", description="Which flow runs survive a Prefect deployment update?")
    known = whole.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=argparse.ArgumentParser)
    for name, says in commands().items():
        known.add_parser(as_typed(name), help=says, add_help=False)
    return whole


def _read(words: Sequence[str]) -> tuple[Command, Any]:
    """The command that these words name, and what they ask of it. Raises: UsageError; SystemExit after a help."""
    name = words[0] if words else ""
    if name.startswith("-") or not name:
        _parser().parse_args(words)
    # A command may be two words: `guard check` is guard-check.
    name, rest = (two, words[2:]) if (two := "-".join(words[:2])) in commands() else (name, words[1:])
    if name not in commands():
        raise no_such("command", name, [as_typed(known) for known in commands()])
    return command_named(name), read(name, rest)


def _raise_interrupted(number: int, _frame: FrameType | None) -> None:
    # Once is enough: the clean-up that follows must not be cut short by an impatient second Ctrl-C.
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    if number == signal.SIGHUP:  # the terminal is gone, and writing to it would fail
        write_nowhere(sys.stdout, sys.stderr)
    raise Interrupted(number)


def _tell(text: str) -> None:
    """Say it on stderr; a stderr that cannot be written changes no exit code."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command. Returns the exit code; messages for people go to stderr, results to stdout."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:  # nohup stays nohup
            signal.signal(number, _raise_interrupted)
    # A lab must see neither the owner of an outer run nor the settings of the person's own pytest.
    for name in [name for name in os.environ if name == ownership.ENV_OWNER or name.startswith("PYTEST_")]:
        del os.environ[name]
    # Paths and names are printed as they are: rich would read square brackets in them as markup.
    console = _PipedConsole(markup=False, highlight=False)
    try:
        words = sys.argv[1:] if arguments is None else list(arguments)
        command, ask = _read(words)
        os.environ[ownership.ENV_OWNER] = str(ownership.Owner.of_this_process())
        code: int = command.run(ask, console)
    except UsageError as error:
        _tell(f"harness: {error}")
        return EXIT_USAGE  # rule: exit-2-usage (gives 125)
    except LabError as error:
        _tell(f"harness: {error.reason}\n{error.log[-600:]}".rstrip())
        return EXIT_UNJUDGED
    except Interrupted as interrupted:
        return 128 + interrupted.number  # rule: exit-128-signal (gives 125)
    except Exception:
        # Python's own exit code for a traceback, 1, would read as "a trial contradicts what is known".
        _tell(traceback.format_exc())
        return EXIT_UNJUDGED
    return code
