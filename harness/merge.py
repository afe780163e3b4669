"""Joins the results folders of several runs into one: what a matrix that was spread over machines came to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.cache import write_whole
from harness.errors import UsageError
from harness.evidence.junit import junit
from harness.evidence.results import SCHEMA, write_results, write_run
from harness.evidence.table import summary
from harness.verdict import exit_code


def merge(folders: Sequence[Path], into: Path) -> list[dict[str, Any]]:
    """Copy every trial's evidence into a new folder and write results.json, run.json, summary.md and junit.xml there.

    A cell that several runs tried counts as so many repetitions of it. Returns the trials' entries.
    Raises: UsageError for what is no whole results folder, before anything is written.
    """
    runs = [(folder, _results(folder)) for folder in folders]
    if into.exists() and any(into.iterdir()):
        raise UsageError(f"{str(into)!r} is not empty; name a new folder.")
    entries: list[dict[str, Any]] = []
    repetitions: dict[tuple[str, ...], int] = {}
    for folder, results in runs:
        for trial in results["trials"]:
            cell = tuple(str(trial[key]) for key in ("scenario", "door", "subject", "engine", "database"))
            repetitions[cell] = number = repetitions.get(cell, 0) + 1
            evidence = folder / "trials" / Path(trial["folder"]).name  # and no other folder, whatever the file says
            name = evidence.name.removesuffix(f"--{trial.get('repetition', 1)}")
            target = f"trials/{name}" if number == 1 else f"trials/{name}--{number}"
            if evidence.is_dir():
                shutil.copytree(evidence, into / target)
            entries.append({**trial, "folder": target, "repetition": number})
    into.mkdir(parents=True, exist_ok=True)
    write_results(into, entries, exit_code=exit_code(entries), seconds=sum(run["seconds"] for _, run in runs))
    again = [_run_facts(folder) for folder in folders]
    write_run(into, {"merged": again})
    commands = dict.fromkeys(str(facts.get("command", "")) for facts in again)
    write_whole(into / "summary.md", summary(entries, "; ".join(commands)))
    write_whole(into / "junit.xml", junit(entries))
    return entries


def _results(folder: Path) -> dict[str, Any]:
    path = folder / "results.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        schema, ended = found["schema"], found["exit_code"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{str(folder)!r} is no results folder: it has no readable results.json.") from None
    if schema != SCHEMA:
        raise UsageError(f"{str(path)!r} has schema {schema}; this harness joins schema {SCHEMA} alone.")
    if ended is None:
        raise UsageError(f"The run in {str(folder)!r} has not come to its end.")
    return found


def _run_facts(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
