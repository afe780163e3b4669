"""A trial that hit its own twin, too, looked at again: beside the trial in another lab that is held against it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import structs

from harness.history import opening_of
from harness.store.results import evidence_of
from harness.store.trial_folder import from_history, planned, read_trial
from harness.verdict.controls import beside_controls
from harness.verdict.outcomes import judge
from harness.words.events import Event
from harness.words.names import SERVER
from harness.words.records import TrialResult


def control_of(
    folder: Path, entry: TrialResult, events: list[Event], entries: Sequence[TrialResult]
) -> TrialResult | None:
    """The trial that is held against one which hit its own twin, too, judged anew from its own history.

    None where the trial that `control` names is none that its plan names, in the same run.
    """
    named = [other for other in entries if entry.control and evidence_of(folder, other).name == entry.control]
    for other in named:
        beside = read_trial(evidence_of(folder, other) / "history.jsonl")
        if not _is_planned(events, beside):
            continue
        with suppress(msgspec.ValidationError):  # of a history that holds no plan nothing can be made
            made = msgspec.convert(from_history(beside, judge(beside)), TrialResult)
            return structs.replace(made, folder=other.folder)
    return None


def _is_planned(mine: list[Event], beside: list[Event]) -> bool:
    """Whether one history is of the trial that another one's plan names as its control, and of the same run."""
    cell, control = planned(mine), planned(beside)
    if not (cell and control) or cell.control != control.name:  # rule: recheck-control-as-planned (without last)
        return False
    runs = {opening.run for opening in map(opening_of, (mine, beside)) if opening}
    return len(runs) == 1  # rule: recheck-control-of-its-run (gives True)


def held(again: dict[str, object], saved: TrialResult, control: TrialResult | None) -> dict[str, object]:
    """What a trial came to, judged anew, held against its control. A `merge` may have given both another folder."""
    if saved.reach != SERVER and again.get("reach", "") != SERVER:  # rule: recheck-control (always)
        return again
    try:
        mine = msgspec.convert(again, TrialResult)
    except msgspec.ValidationError:  # its history holds no plan: that is said of it already
        return again
    mine = structs.replace(mine, folder=saved.folder)
    if saved.control and mine.control:  # rule: recheck-control-of-a-control (always)
        mine = structs.replace(mine, control=saved.control)
    mine, *_ = beside_controls([mine, *([control] if control else [])])
    told = msgspec.to_builtins(mine)
    return {**again, **{name: told[name] for name in ("outcome", "as_expected", "reason", "promises")}}
