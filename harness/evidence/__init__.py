"""What shows a trial or a run to a reader: one file a writer, which declares it as `writer`. A new file is a new one.

Files that declare no `writer` are what writers have in common, and what a terminal shows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

from harness.evidence._writer import Judged, Run, RunWriter, TrialWriter
from harness.words.files import write_whole
from harness.words.rooms import first_line, modules_of

__all__ = ["Beside", "Judged", "Run", "RunWriter", "TrialWriter", "load_writers", "made_again", "write_evidence"]

Beside = Callable[[], AbstractContextManager[None]]  # is around what may fail, and nothing else hangs on


@functools.cache
def load_writers() -> dict[str, TrialWriter | RunWriter]:
    """Every writer by the name of its file, in the order of their modules' names; read once a process."""
    found: dict[str, TrialWriter | RunWriter] = {}
    for _, module in modules_of(__name__, __path__):
        if writer := getattr(module, "writer", None):
            found[writer.file] = replace(writer, summary=first_line(module).rstrip("."))
    return found


def write_evidence(of: Judged | Run, folder: Path, beside: Beside) -> None:
    """Write every file of a judged trial, or of a run, into its folder; a writer that fails keeps no other from it."""
    for writer in load_writers().values():
        with beside():
            content = _content(writer, of)
            if isinstance(content, bytes) and content:
                (folder / writer.file).write_bytes(content)
            elif isinstance(content, str) and content:
                write_whole(folder / writer.file, content)


def made_again(of: Judged | Run) -> dict[str, str]:
    """What `write_evidence` would write, by the file's name: of the writers that make the same again.

    The content is empty if there is no such file, or a writer failed.
    """
    made = {}
    for writer in load_writers().values():
        if writer.same and _is_of(writer, of):
            made[writer.file] = ""
            with suppress(Exception):
                made[writer.file] = str(_content(writer, of))
    return made


def _is_of(writer: TrialWriter | RunWriter, of: Judged | Run) -> bool:
    return isinstance(writer, TrialWriter) == isinstance(of, Judged)


def _content(writer: TrialWriter | RunWriter, of: Judged | Run) -> str | bytes:
    """What this writer makes; empty of what it does not write about."""
    if isinstance(writer, TrialWriter) and isinstance(of, Judged):
        return writer.make(of)
    return writer.make(of) if isinstance(writer, RunWriter) and isinstance(of, Run) else ""
