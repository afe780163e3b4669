"""The person's cache folder: locks, environments and image contexts, each whole or not there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import platformdirs
from filelock import FileLock

from harness.words.ownership import PROJECT

_COMPLETE = ".complete"


def root() -> Path:
    """The cache's root; PREFECT_RUN_SURVIVAL_CACHE moves it."""
    moved = os.environ.get("PREFECT_RUN_SURVIVAL_CACHE")
    return Path(moved).absolute() if moved else platformdirs.user_cache_path(PROJECT)


def folder(name: str) -> Path:
    """A folder of the cache, made where it is missing."""
    path = root() / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def built(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """The folder `kind/key`, made by `build(path)` at its final place unless it is there and whole.

    A build cut short leaves no marker, and is thrown away and made again. Two runs never build one key at once.
    """
    path = folder(kind) / key
    with FileLock(path.with_name(f"{key}.lock-file")):
        if not (path / _COMPLETE).exists():
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
            build(path)
            (path / _COMPLETE).touch()
    return path


def empty() -> None:
    """Remove the whole cache."""
    shutil.rmtree(root(), ignore_errors=True)
