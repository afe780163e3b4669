"""Say which runs of a live server a deploy would delete; it only reads."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console

from harness.doors import load_doors, select_doors
from harness.guard.check import Checked, check, tell
from harness.guard.client import Client
from harness.guard.where import ApiUrl, KeyFile, Minutes, where
from harness.words.errors import UsageError
from harness.words.files import write_whole
from harness.words.options import Option

DESCRIPTION = (
    "Lists the runs of a live server that wait, and says for each door whether this server's version would lose them."
)
EPILOG = "Exit code 0: nothing is at risk; 1: runs would be lost; 125: cannot tell."


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    api: ApiUrl = ""
    key_file: KeyFile = None
    deployments: Annotated[
        tuple[str, ...], Option("only this deployment: NAME or FLOW/NAME", flag="--deployment", metavar="NAME")
    ] = ()
    doors: Annotated[tuple[str, ...], Option("what would be done", flag="--door", metavar="NAME", names=load_doors)] = (
        "prefect-deploy",
        "pause-deployment",
    )
    json: Annotated[Path | None, Option("write what was found to this file, too", metavar="FILE")] = None
    minutes: Minutes = 5


def run(ask: Ask, console: Console) -> int:
    """Carry it out; returns the exit code. Raises: UsageError; NoWordError."""
    doors = select_doors(ask.doors)
    with Client(where(ask.api, ask.key_file, os.environ, Path.home()), seconds=60.0 * ask.minutes) as client:
        checked = check(client, ask.deployments, doors)
    tell(checked, [door.name for door in doors], lambda line: console.print(line, soft_wrap=isinstance(line, str)))
    if checked.exit_code:
        console.print("before you deploy: harness guard snapshot --into FILE", soft_wrap=True)
    if ask.json:
        _write(ask.json, checked, [door.name for door in doors])
    return checked.exit_code


def _write(file: Path, checked: Checked, doors: Sequence[str]) -> None:
    try:
        write_whole(file, json.dumps(checked.as_json(doors), indent=1) + "\n")
    except OSError as error:
        raise UsageError(f"--json {str(file)!r} cannot be written: {error.strerror}.") from None
