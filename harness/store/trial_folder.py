"""A trial's folder: its history is opened, judged, and turned into verdict.json and report.md.

All of it but the opening can be made again from history.jsonl, with no engine there.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.checkers.bystanders import Bystanders
from harness.checkers.survival import Counts
from harness.checkers.ticks import INCONCLUSIVE, Ticks, check_ticks
from harness.evidence.report import report
from harness.evidence.story import tell
from harness.evidence.timeline import PNG, as_png, timeline
from harness.history import SCHEMA, Event, History, how_started, of_kind, read_history
from harness.trials.scenario import Scenario
from harness.verdict.outcomes import Verdict, as_expected, judge, said
from harness.words.errors import LabError
from harness.words.files import write_whole
from harness.words.plan import Cell, Plan
from harness.words.redaction import redact

VERDICT, REPORT, TIMELINE = "verdict.json", "report.md", "timeline.svg"
_COUNTS = (
    "at_risk", "kept", "progressed", "altered", "lost", "stranded", "recreated", "executed_twice", "never_ran",
)  # fmt: skip


def open_history(plan: Plan, cell: Cell, scenario: Scenario) -> History:
    """A new history whose first event says what is to be tried. Raises LabError where the trial has one already."""
    history = History(plan.trial_folder(cell) / "history.jsonl")
    if history.path.exists():
        raise LabError("this trial was run before in this run")
    history.add(
        "trial",
        schema=SCHEMA,
        scenario=cell.scenario,
        door=cell.door,
        engine=cell.engine,
        database=cell.database,
        start=plan.start,
        state=scenario.state,
        minimum=scenario.minimum,
        ticks=scenario.ticks,
        interval=scenario.interval,
        judged_by=scenario.judged_by,
        cell=asdict(cell),
    )
    return history


def conclude(plan: Plan, cell: Cell) -> dict[str, Any]:
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


def _views(
    cell: Cell,
    entry: dict[str, Any],
    verdict: Verdict,
    events: list[Event],
    beside: Callable[[], AbstractContextManager[None]],
) -> dict[str, str]:
    """What shows a judged trial to a reader, each text by its file's name; `beside` is around what may fail."""
    fates = [asdict(fate) for fate in verdict.findings.fates]
    full = {**entry, "source": verdict.source, "log": verdict.log, "command": cell.command, "fates": fates}
    made = {VERDICT: json.dumps(full, indent=1)}
    story = None
    with beside():
        story = tell(events, verdict.findings.fates)
    with beside():
        made[REPORT] = report(cell, entry, verdict, events, story)
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


def read_trial(path: Path) -> list[Event]:
    """A trial's history: nothing where there is none, and one that cannot be read as the error that this is."""
    try:
        return read_history(path)
    except FileNotFoundError:
        return []
    except (ValueError, RecursionError, OSError) as error:
        return [{"kind": "error", "at": "", "phase": "history", "reason": str(error)}]


def from_history(events: list[Event]) -> dict[str, Any]:
    """A trial's entry as its history has it: what was planned, and what that came to.

    Before schema 3 a history did not hold the plan, and what hangs on that is left out.
    """
    verdict, ticks = judge(events), check_ticks(events)
    with suppress(TypeError, AttributeError):  # of a cell that a history garbles
        if cell := _planned(events):
            return result(_plan_of(events), cell, events, verdict)
    return {
        "outcome": verdict.outcome,
        **_counts(verdict.findings.treated),
        "bystanders_lost": len(verdict.bystanders.lost),
        "bystanders_altered": len(verdict.bystanders.altered),
        "twin": _counts(verdict.findings.twin),
        "ticks": {"outcome": ticks.outcome, "missing": len(ticks.missing), "duplicate": len(ticks.duplicate)},
    }


def views_from_history(events: list[Event]) -> dict[str, str]:
    """What shows a trial to a reader, made from its history alone; what does not come to be is left out."""
    with suppress(TypeError, AttributeError):
        if cell := _planned(events):
            verdict = judge(events)
            entry = result(_plan_of(events), cell, events, verdict)
            return _views(cell, entry, verdict, events, lambda: suppress(Exception))
    return {}


def _planned(events: list[Event]) -> Cell | None:
    """The cell that a history is of; None where it does not hold its plan, or not as it says elsewhere."""
    opening = next(iter(of_kind(events, "trial")), {})
    with suppress(TypeError, AttributeError):  # what is no cell says nothing of a plan
        cell = Cell(**opening.get("cell") or {})
        if all(opening.get(name) == getattr(cell, name) for name in ("scenario", "door", "engine", "database")):
            return cell
    return None


def _plan_of(events: list[Event]) -> Plan:
    return Plan("", Path(), [], start=str(next(iter(of_kind(events, "trial")), {}).get("start")))


def result(plan: Plan, cell: Cell, events: list[Event], verdict: Verdict | None) -> dict[str, Any]:
    """A cell's entry of results.json: judged, decided before the start, or still to come (outcome null)."""
    outcome = verdict.outcome if verdict else cell.outcome
    ticks = check_ticks(events) if verdict else None
    treated, twin = (verdict.findings.treated, verdict.findings.twin) if verdict else (Counts(), Counts())
    bystanders = verdict.bystanders if verdict else Bystanders()
    return {
        "scenario": cell.scenario,
        "door": cell.door,
        "subject": cell.subject,
        "repetition": cell.repetition,
        "version": next((e["said"] for e in of_kind(events, "version") if e["role"] == "server"), cell.version or None),
        "engine": cell.engine,
        "database": cell.database,
        "start": how_started(events, plan.start),
        "outcome": outcome,
        "expected": cell.expected,
        "as_expected": as_expected(outcome, cell.expected) and not (bystanders.lost or bystanders.altered),
        **_counts(treated),
        "bystanders_lost": len(bystanders.lost),
        "bystanders_altered": len(bystanders.altered),
        "twin": _counts(twin),
        "ticks": _ticks(ticks, cell),
        "seconds": _seconds(events),
        "reason": verdict.reason if verdict else cell.reason,
        "folder": str(plan.trial_folder(cell).relative_to(plan.folder)),
        "reference": cell.reference,
        "note": cell.note,
        "judged_by": cell.judged_by,
        "versions": dict(cell.versions),
    }


def _ticks(ticks: Ticks | None, cell: Cell) -> dict[str, Any] | None:
    """The second verdict beside the first; None where there is no first."""
    if ticks is None:
        return None
    often = bool(cell.sometimes) and ticks.outcome == cell.sometimes
    unsaid = cell.expected_ticks is None or ticks.outcome == INCONCLUSIVE or (often and cell.held)
    held = None if unsaid else often or ticks.outcome == cell.expected_ticks
    return {
        "outcome": ticks.outcome,
        "expected": cell.expected_ticks,
        "as_expected": held,
        "sometimes": cell.sometimes_reference if often else "",
        "missing": len(ticks.missing),
        "duplicate": len(ticks.duplicate),
        "reason": ticks.reason,
    }


def _counts(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in _COUNTS}


def _seconds(events: list[Event]) -> float | None:
    times = [datetime.fromisoformat(event["at"]) for event in events if event.get("at")]
    return round((times[-1] - times[0]).total_seconds(), 1) if times else None
