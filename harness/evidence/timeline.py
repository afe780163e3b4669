"""A trial's timeline as SVG: one row a flow run, its states along real time, the fault and the door as shaded spans."""

from __future__ import annotations

from harness.evidence._writer import TrialWriter
from harness.evidence.drawing import timeline_of

writer = TrialWriter("timeline.svg", timeline_of)
