"""When a door is opened, in words: beside a tick of the treated deployment's schedules."""

from __future__ import annotations

import re

from harness.words.errors import UsageError

_MOST = 3600.0  # seconds


def seconds_from_tick(text: str) -> float | None:
    """How many seconds after a tick these words mean (before it: less than 0); None for no words.

    `tick-2s`, `tick`, `tick+0.5s`. Raises: UsageError for any others.
    """
    if not text:
        return None
    found = re.fullmatch(r"tick(?:([+-]\d+(?:\.\d+)?)s?)?", text.strip())
    if not found or abs(float(found[1] or 0)) > _MOST:
        raise UsageError(f"There is no moment {text!r} to open a door at.\nName tick, tick-2s or tick+0.5s.")
    return float(found[1] or 0)
