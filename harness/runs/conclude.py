"""A trial judged, once: from its history to verdict.json and all that shows it to a reader."""

from __future__ import annotations

import io
import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import msgspec
from msgspec import structs

from harness.evidence import Judged, made_again, write_evidence
from harness.evidence.story import tell
from harness.store.trial_folder import VERDICT, plan_of, planned, read_trial, result
from harness.verdict.outcomes import Verdict, contradicts, judge, unjudged
from harness.words.events import Event
from harness.words.files import write_whole
from harness.words.plan import Cell, Plan
from harness.words.records import CheckRecord, FateRecord, TrialResult, VerdictRecord
from harness.words.redaction import redact


def conclude(plan: Plan, cell: Cell) -> TrialResult:
    """Judge a trial from its history, write verdict.json and all evidence, and return its entry of results.json."""
    events = read_trial(plan.trial_folder(cell) / "history.jsonl")
    if cell.outcome is not None:  # decided before the start  # rule: not-applicable-first
        return result(plan, cell, [], None)
    folder = plan.trial_folder(cell)
    folder.mkdir(parents=True, exist_ok=True)
    judged = _judged(plan, cell, events, judge(events), lambda: beside(folder))
    write_whole(folder / VERDICT, _verdict(judged))
    write_evidence(judged, folder, lambda: beside(folder))
    return judged.entry


def lacks_a_good_end(plan: Plan, cell: Cell) -> bool:
    """Whether a trial, by its history so far, contradicts what is known or has no verdict."""
    events = read_trial(plan.trial_folder(cell) / "history.jsonl")
    entry = result(plan, cell, events, judge(events))
    return contradicts(entry) or unjudged(entry)


def views_from_history(events: list[Event], verdict: Verdict) -> dict[str, str]:
    """What shows a trial to a reader, by the files' names, made again from its history and its verdict.

    Nothing if the history holds no plan. A file that there was no reason to write has an empty content.
    """
    with suppress(TypeError, AttributeError):  # of a cell that a history garbles
        if cell := planned(events):
            judged = _judged(plan_of(events), cell, events, verdict, lambda: suppress(Exception))
            return {VERDICT: _verdict(judged), **made_again(judged)}
    return {}


def _judged(
    plan: Plan, cell: Cell, events: list[Event], verdict: Verdict, guarded: Callable[[], AbstractContextManager[None]]
) -> Judged:
    """A trial with all that its evidence shows. `guarded` is around its story, which changes no verdict."""
    story = None
    with guarded():
        story = tell(events, verdict)
    return Judged(cell, result(plan, cell, events, verdict), verdict, events, story)


def _verdict(judged: Judged) -> str:
    """verdict.json of a trial."""
    verdict = judged.verdict
    full = VerdictRecord(
        **structs.asdict(judged.entry),
        source=verdict.source,
        log=verdict.log,
        command=judged.cell.command,
        fates=[FateRecord(**asdict(fate)) for fate in verdict.findings.fates],
        checks=[
            CheckRecord(checker=name, outcome=check.outcome, reason=check.reason, promise=check.promise)
            for name, check in verdict.checks.items()
        ],
    )
    text = io.StringIO()  # of ten thousand fates, the parts of the text would take ten times its memory
    text.writelines(json.JSONEncoder(indent=1).iterencode(msgspec.to_builtins(full)))
    return text.getvalue()


@contextmanager
def beside(folder: Path) -> Iterator[None]:
    """Write what no verdict hangs on: where that fails, not-written.txt says why, and nothing else changes."""
    try:
        yield
    except Exception:  # rule: report-changes-no-verdict
        with suppress(OSError), (folder / "not-written.txt").open("a", encoding="utf-8") as file:
            file.write(redact(traceback.format_exc()))
