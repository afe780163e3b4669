"""Calls to uv, which resolves and installs everything here. A person's own uv settings (UV_*) apply to it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence, Set
from pathlib import Path

from uv import find_uv_bin

from harness.words.errors import LabError
from harness.words.redaction import redact

# uv must not resolve for the environment that is active here, nor install into it.
_NOT_PASSED = {"VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME"}
# What steers uv while it resolves. The lock has it already when it is installed, and it could contradict the hashes.
STEERING = ("UV_OVERRIDE", "UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_EXCLUDE")


class UvError(LabError):
    """uv failed. `reason` holds its own words, in one paragraph."""


def uv(arguments: Sequence[str], *, stdin: str = "", seconds: float = 600) -> str:
    """Run uv; returns its stdout. Raises UvError with its stderr, and on time-out."""
    return _run(arguments, stdin=stdin, seconds=seconds, not_passed=_NOT_PASSED)


def uv_install(lock: Path, *arguments: str, seconds: float = 600) -> None:
    """Install a lock as it is, hashes checked. Raises UvError."""
    command = ["pip", "install", "--no-deps", "--require-hashes", *arguments, "-r", str(lock)]
    _run(command, stdin="", seconds=seconds, not_passed={*_NOT_PASSED, *STEERING})


def _run(arguments: Sequence[str], *, stdin: str, seconds: float, not_passed: Set[str]) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in not_passed}
    try:
        done = subprocess.run(
            [find_uv_bin(), "--no-progress", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UvError(f"uv {arguments[0]} did not end within {seconds:.0f} s", source="build") from error
    if done.returncode:
        said = redact(done.stderr.strip())
        raise UvError(_paragraph(said)[:400], source="build", log=said[-4000:])
    return done.stdout


def _paragraph(text: str) -> str:
    text = re.sub(
        r"^\s*(error:( No solution found[^\n]*)?|warning:|×|╰─▶|hint:|cause:)\s*", "", text, flags=re.MULTILINE
    )
    return re.sub(r"\s+", " ", text).strip()
