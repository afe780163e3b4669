"""Run a command, such as a deploy, and say which waiting runs of a live server it lost."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from rich.console import Console

from harness.doors import load_doors, select_doors
from harness.guard.around import After, after, carry_out, check_command
from harness.guard.check import check, tell
from harness.guard.client import Client, NoWordError
from harness.guard.snapshot import check_free, read, take
from harness.guard.told import lines_of
from harness.guard.where import KEY, URL, ApiUrl, KeyFile, Minutes, Where, where
from harness.words.errors import Interrupted, LabError
from harness.words.options import Argument, Option, Usual
from harness.words.ownership import ENV_OWNER

DESCRIPTION = (
    "Checks, takes a snapshot, runs the command, looks again, and says what was lost: "
    "harness guard run -- prefect deploy --all"
)
EPILOG = (
    "Exit code 0: the command ended with 0, and nothing was lost; 1: runs were lost; 3: the command failed, and "
    "nothing was lost; 125: cannot tell (if the server gives no answer before, the command is not run)."
)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    command: Annotated[tuple[str, ...], Argument("COMMAND", "the command and its words, after --")]
    into: Annotated[
        Path | None, Option("the snapshot, a new file", metavar="FILE"), Usual("guard-DAY-TIME.jsonl, here")
    ] = None
    doors: Annotated[
        tuple[str, ...], Option("what the command does", flag="--door", metavar="NAME", names=load_doors)
    ] = ("prefect-deploy",)
    api: ApiUrl = ""
    key_file: KeyFile = None
    minutes: Minutes = 10


def run(ask: Ask, console: Console) -> int:
    """Carry it out; returns the exit code. Raises: UsageError; NoWordError; Interrupted."""
    file = ask.into or Path(f"guard-{datetime.now():%Y%m%d-%H%M%S}.jsonl")
    check_command(ask.command)
    check_free(file)
    doors = select_doors(ask.doors)
    server = where(ask.api, ask.key_file, os.environ, Path.home())
    with Client(server, seconds=60.0 * ask.minutes) as client:
        tell(check(client, (), doors), ask.doors, lambda line: console.print(line, soft_wrap=isinstance(line, str)))
        console.print(f"{take(client, file)} runs, those to come among them, are in {file}", soft_wrap=True)
    console.print(f"running: {' '.join(ask.command)}", soft_wrap=True)
    console.file.flush()
    again = f"harness guard restore {file}{f' --api {ask.api}' if ask.api else ''}"
    try:
        code = carry_out(ask.command, _environment(ask, server))
    except Interrupted:
        console.print(f"interrupted; what was lost: {again} --dry-run", soft_wrap=True)
        raise
    console.print(f"the command ended with {code}", soft_wrap=True)
    try:
        with Client(server, seconds=60.0 * ask.minutes) as client:
            found = after(client, read(file))
    except LabError as error:
        first = error.reason.partition("\n")[0]
        raise NoWordError(f"What was lost is not known: {first}\nLook again: {again} --dry-run") from None
    _say(found, again, console)
    return found.exit_code(code)


def _environment(ask: Ask, server: Where) -> Mapping[str, str]:
    """The command's: as it is, but that it speaks to the server that was named here, with the key that was."""
    mine = {name: value for name, value in os.environ.items() if name != ENV_OWNER}
    named = {URL: server.url} if ask.api else {}  # rule: guard-run-same-server (gives {})
    return {**mine, **named, **({KEY: server.key} if ask.key_file else {})}


def _say(found: After, again: str, console: Console) -> None:
    for line in lines_of(found.items):
        console.print(line, soft_wrap=True)
    if found.lost:
        console.print(f"{found.lost} runs were lost. To create them anew: {again}", soft_wrap=True)
    elif found.unsure:
        console.print(f"of {found.unsure} runs it cannot be told whether they were lost", soft_wrap=True)
    else:
        console.print("nothing was lost", soft_wrap=True)
