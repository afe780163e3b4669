"""SHA256SUMS of a results folder: shows, to `sha256sum -c` as well as to this harness, that no file was changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from harness.words.files import write_whole

NAME = "SHA256SUMS"


def files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file in a folder but the checksums, by its relative path, in alphabetical order; links are none."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path != folder / NAME:
            yield path.relative_to(folder).as_posix(), path


def line(name: str, content: bytes) -> str:
    """A file's line, as `sha256sum` writes it."""
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n"


def write_checksums(folder: Path) -> None:
    """Write SHA256SUMS of a folder into it."""
    write_whole(folder / NAME, "".join(line(name, path.read_bytes()) for name, path in files_of(folder)))


def sums_of(folder: Path) -> str:
    """What SHA256SUMS of a folder says; nothing where it cannot be read."""
    try:
        return (folder / NAME).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def check_checksums(folder: Path) -> list[str]:
    """What is not as SHA256SUMS has it: a line for each file that was changed, is gone, or came later.

    A folder without SHA256SUMS is one such thing: its run did not come to its end.
    """
    if not (saved := sums_of(folder).splitlines(keepends=True)):
        return [f"there is no readable {NAME}: the run was cut off before its end, or the file was taken away"]
    there = dict(files_of(folder))
    named = {entry.rstrip("\n").partition("  ")[2]: entry for entry in saved}
    problems = []
    for name, entry in named.items():
        if name not in there:
            problems.append(f"{name!r} is gone")
        elif line(name, there[name].read_bytes()) != entry:  # rule: recheck-changed-file
            problems.append(f"{name!r} was changed")
    links = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_symlink()]
    problems += [f"{name!r} is a link, and a run has none" for name in links]
    return problems + [f"{name!r} came later" for name in there if name not in named]
