"""What shows a trial or a run to a reader: one file a writer, which declares it as `writer`. A new file is a new one.

Files that declare no `writer` are what writers have in common, and what a terminal shows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.evidence._writer import (
    OF,
    Campaign,
    CampaignWriter,
    Judged,
    JudgedDoor,
    JudgedPlan,
    PlanWriter,
    Run,
    RunWriter,
    TrialWriter,
    Writer,
)
from harness.words.files import write_whole
from harness.words.rooms import first_line, modules_of

__all__ = [
    "Beside", "Campaign", "CampaignWriter", "Judged", "JudgedDoor", "JudgedPlan", "PlanWriter", "Run", "RunWriter",
    "TrialWriter", "load_writers", "made_again", "write_evidence",
]  # fmt: skip

Subject = Judged | Run | JudgedPlan | Campaign

Beside = Callable[[], AbstractContextManager[None]]  # is around what may fail, and nothing else hangs on


@functools.cache
def load_writers() -> dict[tuple[type, str], Writer]:
    """Every writer by its kind and its file, in the order of their modules' names; read once a process."""
    found: dict[tuple[type, str], Writer] = {}
    for _, module in modules_of(__name__, __path__):
        if writer := getattr(module, "writer", None):
            found[type(writer), writer.file] = replace(writer, summary=first_line(module).rstrip("."))
    return found


def write_evidence(of: Subject, folder: Path, beside: Beside) -> None:
    """Write every file of what was judged into its folder; a writer that fails keeps no other from it."""
    for writer in _writers_of(of):
        with beside():
            content = _content(writer, of)
            if isinstance(content, bytes) and content:
                (folder / writer.file).write_bytes(content)
            elif isinstance(content, str) and content:
                write_whole(folder / writer.file, content)


def made_again(of: Subject) -> dict[str, str]:
    """What `write_evidence` would write, by the file's name: of the writers that make the same again.

    The content is empty if there is no such file, or a writer failed.
    """
    made = {}
    for writer in _writers_of(of):
        if writer.same:
            made[writer.file] = ""
            with suppress(Exception):
                made[writer.file] = str(_content(writer, of))
    return made


def _writers_of(of: Subject) -> list[Writer]:
    return [writer for writer in load_writers().values() if OF[type(writer)] is type(of)]


def _content(writer: Writer, of: Any) -> str | bytes:
    return writer.make(of)
