"""summary.md and junit.xml of a run: made from its entries alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.evidence.junit import junit
from harness.evidence.table import summary
from harness.words.files import write_whole
from harness.words.records import TrialResult
from harness.words.redaction import redact

SUMMARY, JUNIT = "summary.md", "junit.xml"


def write_views(folder: Path, trials: Sequence[TrialResult], command: str) -> str:
    """Write summary.md, which names the command that does it again, and junit.xml; returns the summary."""
    views = views_of(trials, command)
    for name, text in views.items():
        write_whole(folder / name, text)
    return views[SUMMARY]


def views_of(trials: Sequence[TrialResult], command: str) -> dict[str, str]:
    """What shows a run's trials to a reader and to CI systems, each text by its file's name."""
    return {SUMMARY: redact(summary(trials, command)), JUNIT: redact(junit(trials))}
