"""The end of a run, whichever way it came: everything is taken down, every trial judged, the evidence written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.engines.sweep import of_run, salvage_logs, sweep
from harness.evidence import Run, write_evidence
from harness.evidence.table import Picture, footnotes, table
from harness.runs.ask import MARKDOWN, TABLE
from harness.runs.conclude import conclude
from harness.runs.ledger import Ledger
from harness.store.checksums import write_checksums
from harness.store.trial_folder import read_entry
from harness.trials.opening import open_history
from harness.trials.phases import copy_logs
from harness.trials.scenario import load_scenarios
from harness.verdict.controls import beside_controls
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_UNJUDGED, exit_code
from harness.words.plan import Cell, Plan
from harness.words.records import TrialResult


def finish(ledger: Ledger, interrupted: int | None = None, *, broken: bool = False) -> int:
    """Save logs, sweep, judge what has no verdict yet, and show it; returns the exit code.

    `interrupted` is the exit code of an interrupt: what had not begun then is not judged. None: the outcomes make the
    exit code, and `broken` says that the harness itself failed, which is never a success.
    """
    if interrupted is not None:
        ledger.say("interrupted: saving logs and taking everything down")
    _take_down(ledger)
    for cell in ledger.runnable:
        if interrupted is None or _was_started(ledger.plan, cell):
            ledger.entries[cell.name] = _judged(ledger.plan, cell)
    names, entries = list(ledger.entries), beside_controls(list(ledger.entries.values()))
    ledger.entries.update(zip(names, entries, strict=True))
    code = exit_code(entries) if interrupted is None else interrupted
    if broken and code == EXIT_AS_EXPECTED:
        code = EXIT_UNJUDGED
    ledger.write(exit_code=code)
    ledger.write_facts()
    _show(ledger, code)
    with _beside(ledger):
        write_checksums(ledger.plan.folder)
    return code


def _take_down(ledger: Ledger) -> None:
    """End what still runs of this run, and save its logs."""
    plan = ledger.plan
    for step in (
        ledger.engine.close,
        lambda: salvage_logs(plan.run, plan.lab_folder),
        lambda: sweep(of_run(plan.run)),
        lambda: copy_logs(plan, ledger.runnable),
    ):
        try:
            step()
        except Exception as error:  # one that fails must not keep the next from its work
            ledger.say(f"while taking down: {type(error).__name__}: {error}")


def _was_started(plan: Plan, cell: Cell) -> bool:
    return (plan.trial_folder(cell) / "history.jsonl").exists()


def _judged(plan: Plan, cell: Cell) -> TrialResult:
    """What a cell came to: as its pytest item judged it, or judged here if it never got so far.

    One that never got a history is `error`, with the end of pytest's log to say why.
    """
    if entry := read_entry(plan.trial_folder(cell)):
        return entry
    if not _was_started(plan, cell):
        log = plan.folder / "pytest.log"
        history = open_history(plan, cell, load_scenarios()[cell.scenario])
        history.add(
            "error",
            phase="start",
            reason="the trial never started",
            source="pytest",
            log=log.read_text(encoding="utf-8", errors="replace")[-3000:] if log.exists() else "",
        )
    return conclude(plan, cell)


def _show(ledger: Ledger, code: int) -> None:
    trials = list(ledger.entries.values())
    with _beside(ledger):
        _write_evidence(ledger)
    if ledger.ask.format == TABLE:
        ledger.shown.print()
        ledger.shown.print(Picture(trials) if ledger.ask.command == "matrix" else table(trials))
        for line in footnotes(trials):
            ledger.shown.print(line)
    else:
        said = ledger.plan.folder / ("summary.md" if ledger.ask.format == MARKDOWN else "results.json")
        with _beside(ledger):
            ledger.shown.print(said.read_text(encoding="utf-8"), end="", soft_wrap=True)
    ledger.console.print(f"\nevidence: {ledger.plan.folder}", soft_wrap=True)
    ledger.console.print(f"again:    {ledger.ask.again()}", highlight=False, soft_wrap=True)
    ledger.console.print(f"exit:     {code}")


def _write_evidence(ledger: Ledger) -> None:
    folder = ledger.plan.folder
    write_evidence(Run.read(folder), folder, lambda: _beside(ledger))
    if ledger.ask.command == "gate":
        _add_to_github_summary((folder / "summary.md").read_text(encoding="utf-8"))


def _add_to_github_summary(text: str) -> None:
    """Show the summary on the job's page, where this is a job of GitHub Actions (its documented variable says so)."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)


@contextmanager
def _beside(ledger: Ledger) -> Iterator[None]:
    """Around the writing of what no verdict depends on: if it fails, that is said, and nothing else changes."""
    try:
        yield
    except Exception as error:
        ledger.say(f"(!) not written: {type(error).__name__}: {error}")
