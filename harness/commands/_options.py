"""Options that several commands have."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from harness.words.names import DATABASES, ENGINES, FORK, SQLITE, STARTS

_MOST = 10_000  # of repetitions, labs at once, minutes: what is more is a slip, and would fill the memory
USUAL_ENGINE = "containers where a Docker engine answers"


def add_choice(command: argparse.ArgumentParser, option: str, known: Iterable[str], default: str) -> None:
    """Names of things that there are, as many as a person likes; `default` says in words what none named means."""
    text = f"one of {', '.join(known)}; repeatable (default: {default})"
    command.add_argument(option, action="append", default=[], metavar="NAME", help=text)


def add_subjects(command: argparse.ArgumentParser, default: Sequence[str]) -> None:
    """What is tried; `default`: where none is named."""
    command.add_argument(
        "--subject", action="append", default=[], metavar="PREFECT",
        help="a release such as 3.3.3, or latest; wheel:PATH; path:FOLDER (a source tree as it is); image:NAME; "
        "any with /worker= or /deployer= another; repeatable "
        f" (default: {', '.join(default)})",
    )  # fmt: skip


def add_engine(command: argparse.ArgumentParser, usual: str = USUAL_ENGINE) -> None:
    """Where labs run."""
    command.add_argument("--engine", metavar="|".join(ENGINES), help=f"where labs run (default: {usual})")


def add_database(command: argparse.ArgumentParser, default: str | None = SQLITE, usual: str = SQLITE) -> None:
    """What the server keeps its data in."""
    command.add_argument(
        "--database", choices=DATABASES, default=default, help=f"what the server keeps its data in (default: {usual})"
    )


def add_labs(command: argparse.ArgumentParser) -> None:
    """How many labs run at once."""
    command.add_argument(
        "-n", dest="labs", type=number, metavar="N",
        help="labs at once (default: one for each core; with --start exec for each two)",
    )  # fmt: skip


def add_start(command: argparse.ArgumentParser) -> None:
    """How processes start."""
    command.add_argument(
        "--start", choices=STARTS, default=FORK,
        help="how a lab's processes start: forked from one of the subject that has imported Prefect (default), or each "
        "anew",
    )  # fmt: skip


def number(text: str) -> int:
    """A number from 1 to the most that makes sense. Raises: ArgumentTypeError."""
    if not (text.isdecimal() and len(text) <= len(str(_MOST)) and 1 <= int(text) <= _MOST):
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a number from 1 to {_MOST}")
    return int(text)
