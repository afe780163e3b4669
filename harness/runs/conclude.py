"""A trial judged, once: from its history to verdict.json, report.md and the timeline beside it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path

import msgspec
from msgspec import structs

from harness.evidence.report import report
from harness.evidence.stand_alone import NAME as SCRIPT
from harness.evidence.stand_alone import script
from harness.evidence.story import tell
from harness.evidence.timeline import as_png, timeline
from harness.history import opening_of
from harness.store.trial_folder import VERDICT, plan_of, planned, read_trial, result
from harness.verdict.outcomes import ALTERED, LOST, STRANDED, Verdict, contradicts, judge, said, unjudged
from harness.words.events import Event
from harness.words.files import write_whole
from harness.words.names import PNG
from harness.words.plan import Cell, Plan
from harness.words.records import FateRecord, TrialResult, VerdictRecord
from harness.words.redaction import redact

REPORT, TIMELINE = "report.md", "timeline.svg"


def conclude(plan: Plan, cell: Cell) -> TrialResult:
    """Judge a trial from its history, write verdict.json and report.md, and return its entry of results.json."""
    events = read_trial(plan.trial_folder(cell) / "history.jsonl")
    if cell.outcome is not None:  # decided before the start
        return result(plan, cell, [], None)
    verdict = judge(events)
    entry = result(plan, cell, events, verdict)
    folder = plan.trial_folder(cell)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _views(cell, entry, verdict, events, lambda: _beside(folder)).items():
        with _beside(folder) if name != VERDICT else nullcontext():
            write_whole(folder / name, text)
            if name == TIMELINE and (png := as_png(text)):
                (folder / PNG).write_bytes(png)
    return entry


def lacks_a_good_end(plan: Plan, cell: Cell) -> bool:
    """Whether a trial, by its history so far, contradicts what is known or has no verdict."""
    events = read_trial(plan.trial_folder(cell) / "history.jsonl")
    entry = result(plan, cell, events, judge(events))
    return contradicts(entry) or unjudged(entry)


def views_from_history(events: list[Event]) -> dict[str, str]:
    """What shows a trial to a reader, made from its history alone; what does not come to be is left out."""
    with suppress(TypeError, AttributeError):  # of a cell that a history garbles
        if cell := planned(events):
            verdict = judge(events)
            entry = result(plan_of(events), cell, events, verdict)
            return _views(cell, entry, verdict, events, lambda: suppress(Exception))
    return {}


def _views(
    cell: Cell,
    entry: TrialResult,
    verdict: Verdict,
    events: list[Event],
    beside: Callable[[], AbstractContextManager[None]],
) -> dict[str, str]:
    """What shows a judged trial to a reader, each text by its file's name; `beside` is around what may fail."""
    full = VerdictRecord(
        **structs.asdict(entry),
        source=verdict.source,
        log=verdict.log,
        command=cell.command,
        fates=[FateRecord(**asdict(fate)) for fate in verdict.findings.fates],
    )
    made = {VERDICT: json.dumps(msgspec.to_builtins(full), indent=1)}
    story = None
    with beside():
        story = tell(events, verdict.findings.fates)
    with beside():
        made[REPORT] = report(cell, entry, verdict, events, story)
    with beside():
        if verdict.outcome in (LOST, ALTERED, STRANDED):
            opening = opening_of(events)
            if opening and (text := script(cell, opening.state)):
                made[SCRIPT] = text
    with beside():
        if story:
            made[TIMELINE] = timeline(story, f"{cell.name}: {said(entry)}")
    return made


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Write what no verdict hangs on: where that fails, not-written.txt says why, and nothing else changes."""
    try:
        yield
    except Exception:
        with suppress(OSError), (folder / "not-written.txt").open("a", encoding="utf-8") as file:
            file.write(redact(traceback.format_exc()))
