"""Builds a release into a virtual environment, with a database beside it that its own server has made."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from harness.engines import settings
from harness.engines.inside import MAKE_DATABASE
from harness.subjects.release import Release, Target, install
from harness.subjects.uv_tool import UvError, uv
from harness.words import cache
from harness.words.errors import LabError

Say = Callable[[str], None]
_RECIPE = "2"  # raised when the way an environment is built changes
_PREFERRED = "3.11"  # every release from 2.20 on runs on it
_POSSIBLE = ">=3.11,<3.14"
_PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "aarch64": "aarch64-manylinux_2_28"}


def target() -> Target:
    """What this host's environments are resolved for: Python 3.11 if it is installed, else another of `_POSSIBLE`."""
    python = subprocess.run(
        [_find_python(), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    platform = _PLATFORMS.get(os.uname().machine, "") if sys.platform == "linux" else ""
    return Target(python, platform)


def build_environment(release: Release, built_for: Target, say: Say) -> Path:
    """The folder of the release's environment: `venv/bin/python`, and `home/` with a database that its server made.

    Raises: UvError, LabError with the end of the failing command's output.
    """
    recipe = "\n".join((_RECIPE, built_for.python, built_for.platform, release.lock))
    key = f"{release.version}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"

    def build(path: Path) -> None:
        say(f"building the environment of {release.version}")
        python = make_venv(release, built_for, path, "--compile-bytecode")
        _make_database(python, path / "home")

    return cache.built("environments", key, build)


def make_venv(release: Release, built_for: Target, path: Path, *options: str) -> Path:
    """A new virtual environment of the release in this folder, its lock beside it; returns its Python.

    `options`: of `uv pip install`. Raises: UvError.
    """
    uv(["venv", "--quiet", "--python", built_for.python, str(path / "venv")])
    python = path / "venv" / "bin" / "python"
    install(release, path / "subject.lock", *options, "--python", str(python))
    return python


def _find_python() -> str:
    for wanted in (_PREFERRED, _POSSIBLE):
        try:
            return uv(["python", "find", "--no-project", "--system", wanted]).strip()
        except UvError:
            continue
    raise LabError(f"no Python {_POSSIBLE} on this machine for Prefect to run on; install one", source="build")


def _make_database(python: Path, home: Path) -> None:
    """Let the subject's server make its database once, so that no lab's server has to."""
    home.mkdir()
    environment = {**settings.EVERYWHERE, "PATH": os.defpath, "HOME": str(home), "PREFECT_HOME": str(home)}
    done = subprocess.run(
        [str(python), str(MAKE_DATABASE), str(python.with_name("prefect"))],
        env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode:
        said = done.stdout + done.stderr
        last = "; ".join([line.strip() for line in said.splitlines() if line.strip()][-2:])  # its error, and ours
        raise LabError(f"the subject's server does not start: {last[-300:]}", source="build", log=said[-4000:])
    for leftover in home.iterdir():
        if leftover.name != "prefect.db":
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
