"""A trial that hit its own twin, too, looked at again: beside the trial in another lab that is held against it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import structs

from harness.store.results import evidence_of
from harness.store.trial_folder import from_history, read_trial
from harness.verdict.outcomes import beside_controls, judge
from harness.words.names import SERVER
from harness.words.records import TrialResult


def control_of(folder: Path, entry: TrialResult, entries: Sequence[TrialResult]) -> TrialResult | None:
    """The trial that is held against one which hit its own twin, too, judged anew from its own history."""
    named = [other for other in entries if entry.control and evidence_of(folder, other).name == entry.control]
    for other in named:
        events = read_trial(evidence_of(folder, other) / "history.jsonl")
        with suppress(msgspec.ValidationError):  # of a history that holds no plan nothing can be made
            made = msgspec.convert(from_history(events, judge(events)), TrialResult)
            return structs.replace(made, folder=other.folder)
    return None


def held(again: dict[str, object], saved: TrialResult, control: TrialResult | None) -> dict[str, object]:
    """What a trial came to, judged anew, held against its control. A `merge` may have given both another folder."""
    if saved.reach != SERVER and again.get("reach", "") != SERVER:  # rule: recheck-control (always)
        return again
    try:
        mine = msgspec.convert(again, TrialResult)
    except msgspec.ValidationError:  # its history holds no plan: that is said of it already
        return again
    mine = structs.replace(mine, folder=saved.folder, control=saved.control)
    mine, *_ = beside_controls([mine, *([control] if control else [])])
    return {**again, "outcome": mine.outcome, "as_expected": mine.as_expected, "reason": mine.reason}
