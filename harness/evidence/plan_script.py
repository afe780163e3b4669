"""The steps of a plan that lost runs that were due, by a script that needs nothing of this project.

`uv run reproduce.py` brings the release by itself, as of its own day.
"""

from __future__ import annotations

from harness.evidence._writer import PlanWriter
from harness.evidence.plan_steps import script_of
from harness.evidence.script import NAME

writer = PlanWriter(NAME, script_of)
