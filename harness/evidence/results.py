"""results.json and run.json: whole at every moment, written by the command alone."""

from __future__ import annotations

import json
import os
import platform
import secrets
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from harness.cache import write_whole
from harness.evidence.junit import junit
from harness.evidence.table import summary
from harness.redaction import redact
from harness.scenario import ROOT

SCHEMA = 1


def write_results(folder: Path, trials: Sequence[dict[str, Any]], *, exit_code: int | None, seconds: float) -> None:
    """Write results.json; `exit_code` is None until the end."""
    content = {"schema": SCHEMA, "exit_code": exit_code, "seconds": round(seconds, 1), "trials": list(trials)}
    write_whole(folder / "results.json", json.dumps(redact.value(content), indent=1) + "\n")


def write_run(folder: Path, facts: dict[str, Any]) -> None:
    """Write run.json, secret-looking values masked."""
    write_whole(folder / "run.json", json.dumps(redact.value(facts), indent=1) + "\n")


def write_views(folder: Path, trials: Sequence[dict[str, Any]], command: str) -> str:
    """Write summary.md, which names the command that does it again, and junit.xml; returns the summary."""
    text = redact(summary(trials, command))
    write_whole(folder / "summary.md", text)
    write_whole(folder / "junit.xml", redact(junit(trials)))
    return text


def new_run_id() -> str:
    """A name that no other run has: the time (UTC) and four letters by chance."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def host_facts() -> dict[str, Any]:
    """The host in the words that matter to a reader: system, Python, cores, memory."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
    }


def harness_commit() -> dict[str, Any]:
    """The checkout's commit, and whether it has changes; None for both where git does not say."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    status = git("status", "--porcelain")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def point_latest(results: Path, folder: Path) -> None:
    """Make `latest` name this run's folder, in one step, so that two runs at once cannot break it."""
    beside = results / f".latest-{folder.name}"
    beside.unlink(missing_ok=True)
    beside.symlink_to(folder.name)
    beside.replace(results / "latest")
