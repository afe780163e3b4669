"""A run that another command carries out: its output goes to a file, and its steps and its results to that command."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import msgspec
from rich.console import Console

from harness.runs.ask import Only, RunAsk
from harness.runs.run import run_matrix
from harness.store.results import LATEST_LINK
from harness.words.records import RunResult

_STEP = re.compile(r" *\d+ s  ")


def run_unseen(
    ask: RunAsk, log: Path, tell: Callable[[str], None], *, only: Only | None = None
) -> tuple[RunResult, str]:
    """Carry a run out, its output appended to a file; returns what is in its results.json, and its run id.

    `tell` gets a line for each step (building, a lab's phase). Its results folder must be of its own: that is where
    the newest run is looked for. Raises what `run_matrix` raises.
    """
    ask.results.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        output: Any = _Steps(file, tell)
        run_matrix(ask, Console(file=output, width=120, markup=False, highlight=False), only=only)
    return newest_results(ask.results)


def newest_results(results: Path) -> tuple[RunResult, str]:
    """What is in the results.json of the newest run in a results folder, and its run id. Raises: FileNotFoundError."""
    newest = (results / LATEST_LINK).resolve()
    return msgspec.json.decode((newest / "results.json").read_bytes(), type=RunResult), newest.name


class _Steps(io.TextIOBase):
    """A file that is written to; its lines of the form `  12 s  what is done` are told as well."""

    def __init__(self, file: IO[str], tell: Callable[[str], None]) -> None:
        self._file, self._tell, self._line = file, tell, ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if _STEP.match(line):
                self._tell(line)
        return self._file.write(text)

    def flush(self) -> None:
        self._file.flush()
