"""Write every run that waits on a live server to a file, with what it takes to create it anew; it only reads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console

from harness.guard.client import Client
from harness.guard.snapshot import check_free, take
from harness.guard.where import ApiUrl, KeyFile, Minutes, where
from harness.verdict.outcomes import EXIT_AS_EXPECTED
from harness.words.options import Option

EPILOG = "Exit code 0: the file is whole; 125: there is no file, because the server gave no answer that can be used."


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    into: Annotated[Path, Option("the new file (JSON lines)", metavar="FILE")]
    api: ApiUrl = ""
    key_file: KeyFile = None
    minutes: Minutes = 10


def run(ask: Ask, console: Console) -> int:
    """Carry it out; returns the exit code. Raises: UsageError; NoWordError."""
    check_free(ask.into)
    with Client(where(ask.api, ask.key_file, os.environ, Path.home()), seconds=60.0 * ask.minutes) as client:
        runs = take(client, ask.into)
    said = f"{runs} runs, those to come among them, are in {ask.into}; after a loss: harness guard restore {ask.into}"
    console.print(said, soft_wrap=True)
    return EXIT_AS_EXPECTED
