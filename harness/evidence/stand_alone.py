"""The same fault by a script that needs nothing of this project, for whoever gets the report.

`uv run reproduce.py` brings the release by itself, as of its own day.
"""

from __future__ import annotations

from harness.evidence._writer import Judged, TrialWriter
from harness.evidence.script import NAME, script
from harness.history import opening_of
from harness.verdict.outcomes import ALTERED, LOST, STRANDED


def _of(judged: Judged) -> str:
    if judged.verdict.outcome not in (LOST, ALTERED, STRANDED):
        return ""
    opening = opening_of(judged.events)
    return script(judged.cell, opening.state) if opening else ""


writer = TrialWriter(NAME, _of)
