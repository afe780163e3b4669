"""Joins the results folders of several runs into one: what a matrix that was spread over machines came to."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.doors import DOORS
from harness.errors import UsageError
from harness.evidence.bug_report import write_bug_report
from harness.evidence.checksums import write_checksums
from harness.evidence.page import write_page
from harness.evidence.results import evidence_of, read_results, read_run, write_results, write_run, write_views
from harness.evidence.trial_folder import result
from harness.plan import Plan, plan_cell
from harness.scenario import select_scenarios
from harness.verdict import exit_code


def merge(folders: Sequence[Path], into: Path, planned: Sequence[dict[str, str]] = ()) -> list[dict[str, Any]]:
    """Copy every trial's evidence into a new folder and write results.json, run.json, summary.md and junit.xml there.

    A cell that several runs tried counts as so many repetitions of it. `planned` is what should be there, by `subject`
    and `scenario` (`harness cells`): what is not has no outcome, so that a machine that was lost is never a success.
    Returns the trials' entries. Raises: UsageError for what cannot be joined, before anything is written.
    """
    runs = [(folder, read_results(folder), read_run(folder)) for folder in folders]
    names = [str(facts.get("run", folder)) for folder, _, facts in runs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"The run {twice[0]} is given twice; it would count as two repetitions.")
    if into.exists() and any(into.iterdir()):
        raise UsageError(f"{str(into)!r} is not empty; name a new folder.")
    entries: list[dict[str, Any]] = []
    repetitions: Counter[tuple[str, ...]] = Counter()
    for folder, results, _ in runs:
        for trial in results["trials"]:
            cell = tuple(str(trial[key]) for key in ("scenario", "door", "subject", "version", "engine", "database"))
            repetitions[cell] += 1
            number = repetitions[cell]
            evidence = evidence_of(folder, trial)
            name = evidence.name.removesuffix(f"--{trial['repetition']}")
            target = f"trials/{name}" if number == 1 else f"trials/{name}--{number}"
            if evidence.is_dir():
                shutil.copytree(evidence, into / target)
            entries.append({**trial, "folder": target, "repetition": number})
    there = {(trial["subject"], trial["scenario"]) for trial in entries}
    entries += [_missing(cell, entries) for cell in planned if (cell["subject"], cell["scenario"]) not in there]
    into.mkdir(parents=True, exist_ok=True)
    write_results(into, entries, exit_code=exit_code(entries), seconds=sum(run["seconds"] for _, run, _ in runs))
    write_run(into, {"merged": [facts for *_, facts in runs]})
    commands = dict.fromkeys(str(facts.get("command", "")) for *_, facts in runs)
    write_views(into, entries, "; ".join(commands))
    write_bug_report(into, entries)
    write_page(into)
    write_checksums(into)
    return entries


def _missing(cell: dict[str, str], entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The entry of a cell that no run brought along: planned like the others, and without an outcome."""
    (scenario,) = select_scenarios([cell["scenario"]])
    engine = entries[0]["engine"] if entries else "unknown"
    door = DOORS[scenario.usual_door]
    planned = plan_cell(scenario, door, subject=cell["subject"], version="", as_of="", engine=engine, engine_detail="")
    reason = "no run that was joined holds this trial"
    return {**result(Plan("merged", Path(), []), planned, [], None), "reason": reason}
