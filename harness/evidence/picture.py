"""The timeline as a PNG, for a place that shows no SVG; only if the extra `png` is installed."""

from __future__ import annotations

from harness.evidence._writer import Judged, TrialWriter
from harness.evidence.drawing import as_png, timeline_of
from harness.words.names import PNG


def _of(judged: Judged) -> bytes:
    drawn = timeline_of(judged)
    return (as_png(drawn) if drawn else None) or b""


writer = TrialWriter(PNG, _of, same=False)  # another version of the extra draws other pixels
