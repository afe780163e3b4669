"""The table in Markdown, with what a reader would ask, and the command that does it again."""

from __future__ import annotations

from collections.abc import Sequence

from harness.evidence._writer import Run, RunWriter
from harness.evidence.table import cells, footnotes
from harness.store.results import commands_of
from harness.verdict.outcomes import expected_of
from harness.words.records import TrialResult
from harness.words.redaction import redact


def summary(trials: Sequence[TrialResult], command: str) -> str:
    """The summary of these trials; `command` does them again."""
    lines = [
        "| scenario | subject | at risk | kept | lost | twin | outcome | expected | report |",
        "|---|---|---:|---:|---:|---:|---|---|---|",
    ]
    for trial in trials:
        scenario, subject, risk, kept, lost, twin, outcome, _ = (str(cell).replace("\n", ", ") for cell in cells(trial))
        link = f"[report]({trial.folder}/report.md)" if trial.outcome not in (None, "not-applicable") else ""
        counts = f"{risk} | {kept} | {lost} | {twin}"
        lines.append(f"| {scenario} | {subject} | {counts} | {outcome} | {expected_of(trial)} | {link} |")
    notes = [f"- {line}" for line in footnotes(trials)]
    return "\n".join([*lines, "", *notes, "", f"Again: `{command}`", ""])


def _of(run: Run) -> str:
    return redact(summary(run.results.trials, commands_of(run.facts)))


writer = RunWriter("summary.md", _of)
