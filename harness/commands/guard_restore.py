"""Create anew, once, the runs of a snapshot that a live server has no more."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console

from harness.guard.client import Client
from harness.guard.restore import LOST, NO_DEPLOYMENT, TO_CREATE, counts, create, plan
from harness.guard.snapshot import read
from harness.guard.told import lines_of
from harness.guard.where import ApiUrl, KeyFile, Minutes, where
from harness.words.errors import UsageError
from harness.words.options import Argument, Option

EPILOG = (
    "Exit code 0: each run is there, or was created; 1: some are still lost (with --dry-run: some would be created); "
    "125: cannot tell. Asked again, it goes on where it stopped."
)
_EACH = 500  # created runs between two lines that say so


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    file: Annotated[Path, Argument("FILE", "a snapshot")]
    dry_run: Annotated[bool, Option("say what would be created, and create nothing")] = False
    yes: Annotated[bool, Option("create it without a question")] = False
    any_server: Annotated[bool, Option("also if the snapshot is of a server with another URL")] = False
    api: ApiUrl = ""
    key_file: KeyFile = None
    minutes: Minutes = 60


def run(ask: Ask, console: Console) -> int:
    """Carry it out; returns the exit code. Raises: UsageError; NoWordError."""
    snapshot = read(ask.file)
    server = where(ask.api, ask.key_file, os.environ, Path.home())
    if server.url != snapshot.header.api and not ask.any_server:  # rule: guard-restore-its-server
        raise UsageError(
            f"{str(ask.file)!r} is of {snapshot.header.api}, and this is {server.url}.\n"
            "If that is the same server under another name, add --any-server."
        )
    if not (ask.dry_run or ask.yes or sys.stdin.isatty()):
        raise UsageError("There is nobody to ask. Add --dry-run to see the plan, or --yes to carry it out.")
    with Client(server, seconds=60.0 * ask.minutes) as client:
        items = plan(client, snapshot)
        for line in lines_of(items):
            console.print(line, soft_wrap=True)
        found = counts(items)
        lost = sum(found.get(fate, 0) for fate in LOST)
        number = found.get(TO_CREATE, 0)
        if ask.dry_run or not number:
            console.print("nothing was created" if lost else "nothing is to be done", soft_wrap=True)
            return int(lost > 0)
        if not ask.yes and not _agreed(console, number):
            console.print("nothing was created")
            return 1

        def tell(created: int) -> None:
            if created % _EACH == 0:
                console.print(f"  {created} of {number}")

        created, refused = create(client, items, tell)
    for item, said in refused:
        console.print(f"refused: {item.line.run.name} of {item.line.deployment}: {said}", soft_wrap=True)
    console.print(f"{created} of {lost} lost runs were created anew", soft_wrap=True)
    return int(bool(refused) or NO_DEPLOYMENT in found)


def _agreed(console: Console, number: int) -> bool:
    console.print(f"create {number} runs? [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
