"""Scratch folders: where labs and builds work, each marked with its owner so that a sweep can take what is left."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from harness.words import ownership

OWNER_FILE = "owner"


def scratch_root() -> Path:
    """The folder under which every scratch folder lies; its name holds the user, so that users do not meet."""
    return Path(tempfile.gettempdir()) / f"{ownership.PROJECT}-{os.getuid()}"


def scratch_folder(name: str) -> Path:
    """The scratch folder of a run (or of one build), made where it is missing and marked with its owner."""
    folder = scratch_root() / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / OWNER_FILE).write_text(str(ownership.Owner.of_this_process()), encoding="utf-8")
    return folder
