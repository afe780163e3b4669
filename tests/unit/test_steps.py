"""A run that goes on unseen: what it prints is kept, and each step of it is told."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from harness.runs.unseen import _Steps


def test_what_is_printed_is_kept_whole_and_its_steps_alone_are_told() -> None:
    kept, told = io.StringIO(), list[str]()
    output: Any = _Steps(kept, told.append)
    console = Console(file=output, width=120, markup=False, highlight=False)
    console.print("engine: processes, as asked")
    console.print("    3 s  3.3.3, processes: start")
    console.print("1234 s  ", end="")
    console.print("3.3.3, processes: done\nexit:     0")
    assert told == ["    3 s  3.3.3, processes: start", "1234 s  3.3.3, processes: done"]
    assert kept.getvalue().splitlines() == ["engine: processes, as asked", *told, "exit:     0"]
