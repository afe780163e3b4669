"""One trial's report with how often that was seen, short enough for GitHub; if a run was lost, altered or stranded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.evidence._writer import Run, RunWriter
from harness.evidence.frequency import frequencies
from harness.evidence.markdown import LONGEST, cut
from harness.store.results import evidence_of
from harness.verdict.outcomes import ALTERED, LOST, STRANDED, contradicts
from harness.words.records import TrialResult

NAME = "bug-report.md"


def bug_report_of(folder: Path, trials: Sequence[TrialResult]) -> str:
    """The bug report of a run, from the report of one of its trials: a contradiction before what is known already.

    Empty where nothing is to be reported, or that trial has no report.
    """
    bad = [trial for trial in trials if trial.outcome in (LOST, ALTERED, STRANDED)]
    if bad:
        chosen = next((trial for trial in bad if contradicts(trial)), bad[0])
        report = evidence_of(folder, chosen) / "report.md"
        if report.exists():
            return bug_report(report.read_text(encoding="utf-8"), chosen, trials)
    return ""


def bug_report(report: str, chosen: TrialResult, trials: Sequence[TrialResult]) -> str:
    """A trial's report with a section on how often its cell, and the others of its scenario, came to which outcome."""
    tried = [trial for trial in trials if trial.scenario == chosen.scenario and trial.outcome is not None]
    lines = "\n".join(f"- {one}" for one in frequencies(tried))
    control = "The control of every trial is its twin, which nobody touched; the door `none` touches nothing at all."
    often = f"## How often\n\n{lines}\n\n{control}"
    head, first, rest = report.partition("\n## ")
    whole = f"{head.rstrip()}\n\n{often}\n{first}{rest}"
    return whole if len(whole) <= LONGEST else cut(whole)


def _of(run: Run) -> str:
    return bug_report_of(run.folder, run.results.trials)


writer = RunWriter(NAME, _of)
