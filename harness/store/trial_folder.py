"""A trial's entry of results.json, from its plan and its history; and what is read of its folder."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from harness.checkers import load_promises
from harness.checkers._findings import Counts
from harness.checkers.bystanders import Bystanders
from harness.checkers.ticks import Ticks
from harness.history import how_started, moment, of_kind, opening_of, read_history
from harness.verdict.outcomes import Verdict, as_expected
from harness.words.events import Broken, ClockMoved, Event, Version
from harness.words.files import read_json
from harness.words.outcomes import HELD, INCONCLUSIVE
from harness.words.plan import Cell, Plan, read_cell
from harness.words.promises import Expectation, Promise, PromiseResult
from harness.words.reading import converted
from harness.words.records import SideCounts, TicksResult, TrialResult

VERDICT = "verdict.json"


def read_trial(path: Path) -> list[Event]:
    """A trial's history: nothing where there is none, and one that cannot be read as the error that this is."""
    try:
        return read_history(path)
    except FileNotFoundError:
        return []
    except (ValueError, RecursionError, OSError) as error:
        return [Broken(phase="history", reason=str(error))]


def read_entry(folder: Path) -> TrialResult | None:
    """The entry that a trial came to, by its verdict.json; None if it was not judged yet, or that cannot be read."""
    try:
        return converted(TrialResult, read_json(folder / VERDICT))
    except ValueError:
        return None


def from_history(events: list[Event], verdict: Verdict) -> dict[str, object]:
    """What a history, judged, shows of its trial's entry, as results.json has it.

    Before schema 3 a history did not hold the plan, so what follows from that is left out.
    """
    with suppress(TypeError, AttributeError):  # of a cell that a history garbles
        if cell := planned(events):
            return dict(msgspec.to_builtins(result(plan_of(events), cell, events, verdict)))
    return {
        "outcome": verdict.outcome,
        **_counts(verdict.findings.treated),
        "bystanders_lost": len(verdict.bystanders.lost),
        "bystanders_altered": len(verdict.bystanders.altered),
        "twin": _counts(verdict.findings.twin),
        "ticks": {name: getattr(_ticks(verdict, {}), name) for name in ("outcome", "missing", "duplicate")},
    }


def planned(events: list[Event]) -> Cell | None:
    """The cell that a history is of; None where it does not hold its plan, or not as it says elsewhere."""
    opening = opening_of(events)
    with suppress(msgspec.ValidationError):  # what is no cell says nothing of a plan
        cell = read_cell(opening.cell if opening else None)
        if all(getattr(opening, name) == getattr(cell, name) for name in ("scenario", "door", "engine", "database")):
            return cell
    return None


def plan_of(events: list[Event]) -> Plan:
    """As much of the plan as a history holds: how processes were to start."""
    opening = opening_of(events)
    return Plan("", Path(), [], start=str(opening.start if opening else None))


def result(plan: Plan, cell: Cell, events: list[Event], verdict: Verdict | None) -> TrialResult:
    """A cell's entry of results.json: judged, decided before the start, or still to come (outcome null)."""
    outcome = verdict.outcome if verdict else cell.outcome
    treated, twin = (verdict.findings.treated, verdict.findings.twin) if verdict else (Counts(), Counts())
    bystanders = verdict.bystanders if verdict else Bystanders()
    promises = _promises(verdict, cell) if verdict else {}
    return TrialResult(
        scenario=cell.scenario,
        door=cell.door,
        subject=cell.subject,
        repetition=cell.repetition,
        version=next((e.said for e in of_kind(events, Version) if e.role == "server"), cell.version or None),
        engine=cell.engine,
        database=cell.database,
        start=how_started(events, plan.start),
        clock=cell.clock,
        outcome=outcome,
        expected=cell.expected,
        as_expected=as_expected(outcome, cell.expected) and not (bystanders.lost or bystanders.altered),
        **_counts(treated),
        bystanders_lost=len(bystanders.lost),
        bystanders_altered=len(bystanders.altered),
        twin=SideCounts(**_counts(twin)),
        ticks=_ticks(verdict, promises) if verdict else None,
        seconds=_seconds(events),
        reason=verdict.reason if verdict else cell.reason,
        folder=str(plan.trial_folder(cell).relative_to(plan.folder)),
        reference=cell.reference,
        note=cell.note,
        judged_by=cell.judged_by,
        versions=dict(cell.versions),
        promises=promises,
        schedules=list(cell.schedules),
        concurrency_limit=cell.concurrency_limit,
        at=cell.at,
        reach=cell.reach,
        control=cell.control,
    )


def _ticks(verdict: Verdict, promises: Mapping[str, PromiseResult]) -> TicksResult:
    """The promise of that name, with its numbers."""
    found = verdict.found("ticks", Ticks())
    unsaid = Promise(outcome=INCONCLUSIVE, reason=verdict.reason)
    said = promises.get("ticks") or _promise(verdict.promises.get("ticks", unsaid), None, held=False)
    return TicksResult(
        outcome=said.outcome,
        expected=said.expected,
        as_expected=said.as_expected,
        sometimes=said.sometimes,
        missing=len(found.missing),
        duplicate=len(found.duplicate),
        reason=said.reason,
    )


def _promises(verdict: Verdict, cell: Cell) -> dict[str, PromiseResult]:
    """Whether each promise was kept of which the trial had something to say, or of which that it is broken is known."""
    found = dict(verdict.promises)
    for name, expected in cell.promises.items():
        kept = checker.kept if (checker := load_promises().get(name)) else HELD
        if expected.outcome != kept and name not in found:  # rule: promise-known-broken-wants-a-word
            found[name] = Promise(outcome=INCONCLUSIVE, reason="the trial had nothing to look at that could show it")
    known = cell.promises
    return {name: _promise(promise, known.get(name), held=cell.held) for name, promise in sorted(found.items())}


def _promise(promise: Promise, known: Expectation | None, *, held: bool) -> PromiseResult:
    """What a promise came to, beside what is expected of it."""
    if known is None:
        return PromiseResult(outcome=promise.outcome, expected=None, as_expected=None, reason=promise.reason)
    often = bool(known.sometimes) and promise.outcome == known.sometimes
    expected = as_expected(promise.outcome, known.outcome)
    if often and not held:  # rule: promise-known-now-and-then (never)
        expected = True
    elif often:  # rule: promise-now-and-then-in-a-gate (never)
        expected = None
    return PromiseResult(
        outcome=promise.outcome,
        expected=known.outcome,
        as_expected=expected,
        reason=promise.reason,
        reference=known.reference,
        sometimes=known.sometimes_reference if often else "",
    )


def _counts(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in SideCounts.__struct_fields__}


def _seconds(events: list[Event]) -> float | None:
    try:
        times = [moment(event.at) for event in events if event.at]
    except ValueError:  # of a line that was garbled; the trial has no verdict then
        return None
    moved = sum(event.move.seconds for event in of_kind(events, ClockMoved))  # rule: seconds-without-moves (gives 0)
    return round((times[-1] - times[0]).total_seconds() - moved, 1) if times else None
