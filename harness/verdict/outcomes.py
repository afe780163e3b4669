"""From a history to an outcome, from outcomes to an exit code: pure, and the same on every engine.

Order of precedence: not-applicable, error, inconclusive, lost, altered, stranded, survived.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.checkers.bystanders import Bystanders, check_bystanders
from harness.checkers.clock import check_clock
from harness.checkers.door_proof import check_door
from harness.checkers.executions import executed_between
from harness.checkers.story import check_story
from harness.checkers.survival import Counts, Findings, check_survival, states_read
from harness.history import of_kind, opening_of
from harness.words.events import (
    SCHEMA,
    Broken,
    BystandersSeen,
    DoorClosed,
    Drained,
    Event,
    Listing,
    Look,
    Note,
    Phase,
    SteadyState,
    WorkerRestarted,
)
from harness.words.names import AFTER, BEFORE, DRAINED

NOT_APPLICABLE, ERROR, INCONCLUSIVE = "not-applicable", "error", "inconclusive"
LOST, ALTERED, STRANDED, SURVIVED = "lost", "altered", "stranded", "survived"
VERDICTS = (LOST, ALTERED, STRANDED, SURVIVED)
OUTCOMES = (NOT_APPLICABLE, ERROR, INCONCLUSIVE, *VERDICTS)
UNJUDGED = {ERROR, INCONCLUSIVE, None}

_MARKED = 4  # the schema from which on a history holds the marks that flows leave, and what doors take from others

EXIT_AS_EXPECTED, EXIT_CONTRADICTED, EXIT_USAGE, EXIT_UNJUDGED = 0, 1, 2, 125


@dataclass(frozen=True)
class Verdict:
    """An outcome with its reason in one sentence, and the findings it rests on."""

    outcome: str
    reason: str
    findings: Findings
    source: str = ""
    log: str = ""
    bystanders: Bystanders = field(default_factory=Bystanders)


def judge(events: Sequence[Event]) -> Verdict:
    """The verdict of a history, whole or cut short. Never raises: what cannot be read is `error`."""
    try:
        return _judge(events)
    except Exception as error:  # a checker that raises has no verdict
        return Verdict(ERROR, f"the history could not be judged: {type(error).__name__}: {error}", _NOTHING_FOUND)


_NOTHING_FOUND = Findings(Counts(), Counts())


def _judge(events: Sequence[Event]) -> Verdict:
    opening = opening_of(events)
    if opening and opening.schema > SCHEMA:
        said = f"the history has schema {opening.schema}; this harness reads up to {SCHEMA}: take a newer one"
        return Verdict(ERROR, said, _NOTHING_FOUND)
    findings = check_survival(events, state=opening.state) if opening else _NOTHING_FOUND
    # An `error` outweighs a trial that merely could not be judged.
    for broken in sorted(of_kind(events, Broken), key=lambda event: event.inconclusive):
        outcome = INCONCLUSIVE if broken.inconclusive else ERROR
        return Verdict(outcome, f"in phase {broken.phase}: {broken.reason}", findings, broken.source, broken.log)
    if opening is None:
        return Verdict(ERROR, "the history does not say what was tried", findings)
    if not _is_whole(events):
        phases = of_kind(events, Phase)
        phase = phases[-1].phase if phases else "start"
        return Verdict(ERROR, f"the trial was cut short in phase {phase}", findings)
    if problems := check_story(events):
        return Verdict(ERROR, f"the history is not one story: {problems[0]}", findings)
    if problems := check_door(events):
        return Verdict(ERROR, "; ".join(problems), findings, "deployer", _door_output(events))
    if steps := check_clock(events):
        return Verdict(INCONCLUSIVE, steps[0], findings)
    bystanders = check_bystanders(events)
    if bystanders.taken:
        return Verdict(INCONCLUSIVE, bystanders.taken[0], findings, bystanders=bystanders)
    if too_few := _too_few(findings, opening.minimum, events):
        return Verdict(INCONCLUSIVE, too_few, findings)
    if not of_kind(events, SteadyState):
        return Verdict(INCONCLUSIVE, "the steady state was never shown", findings)
    return replace(_weigh(events, findings, bystanders), bystanders=bystanders)


def _is_whole(events: Sequence[Event]) -> bool:
    """Whether a trial recorded all that it does: both looks, the listing after the drain with each run's states,
    what was executed, and what the door took from others.

    Before schema 2 the states were not read again then, or not always; before schema 4 neither of the last two.
    """
    looks = {look.when for look in of_kind(events, Look)}
    listings = [listing for listing in of_kind(events, Listing) if listing.when == DRAINED]
    listed = {run.run for listing in listings for run in listing.runs}
    read = states_read(events, DRAINED).keys()
    schema = opening.schema if (opening := opening_of(events)) else 1
    told = executed_between(events, BEFORE, DRAINED) is not None and bool(of_kind(events, BystandersSeen))
    return (
        {AFTER, DRAINED} <= looks and bool(listings) and (schema == 1 or listed <= read) and (schema < _MARKED or told)
    )


def _too_few(findings: Findings, minimum: int, events: Sequence[Event]) -> str:
    """Why there is too little at risk for any verdict; empty where there is enough."""
    for side, counts in (("treated", findings.treated), ("twin", findings.twin)):
        if counts.at_risk < minimum:
            note = "".join(f" ({event.text})" for event in of_kind(events, Note)[-1:])
            return f"{counts.at_risk} runs of the {side} deployment were at risk, {minimum} are needed{note}"
    return ""


def _weigh(events: Sequence[Event], findings: Findings, bystanders: Bystanders) -> Verdict:
    treated, twin = findings.treated, findings.twin
    drained = drain_end(events)
    if objection := _no_control(findings, bystanders):
        return Verdict(INCONCLUSIVE, objection, findings)
    if treated.unknown or twin.unknown:
        unknown = next(fate for fate in findings.fates if fate.fate == "unknown")
        return Verdict(INCONCLUSIVE, f"run {unknown.run} of the {unknown.side} deployment: {unknown.why}", findings)
    if treated.lost or bystanders.lost:
        gone = f"{treated.lost or 'none'} of {treated.at_risk} runs at risk are gone"
        others = len(bystanders.lost)
        also = f"; the door deleted {others} runs of deployments that it was not opened on" if others else ""
        return Verdict(LOST, f"{gone}, and the twin lost none of {twin.at_risk}{also}", findings)
    if findings.vanished:
        return Verdict(INCONCLUSIVE, f"{findings.vanished[0]}, and was none of those at risk", findings)
    if treated.completed == treated.at_risk and not treated.altered and not bystanders.altered:
        if treated.relabelled == treated.at_risk and not twin.relabelled:
            return Verdict(
                INCONCLUSIVE,
                f"all {treated.at_risk} completed, but each was called otherwise after that, and none of the twin's",
                findings,
            )
        said = f"all {treated.at_risk} runs at risk are there at every look and completed"
        later = f" ({treated.relabelled} of them were called otherwise after that)" if treated.relabelled else ""
        return Verdict(SURVIVED, said + later + _worker_restarts(events), findings)
    if twin.undisturbed < twin.at_risk:
        return Verdict(
            INCONCLUSIVE,
            f"only {treated.completed} of {treated.at_risk} completed, and the twin did not complete either "
            f"({twin.undisturbed} of {twin.at_risk}); the drain ended by: {drained}",
            findings,
        )
    if (treated.altered or treated.stranded) and of_kind(events, WorkerRestarted):
        return Verdict(
            INCONCLUSIVE,
            f"{treated.altered} of {treated.at_risk} ended otherwise and {treated.stranded} never ran, but the worker "
            "had ended meanwhile, which may be why",
            findings,
        )
    if bystanders.altered:
        also = f"the door altered {len(bystanders.altered)} runs of deployments that it was not opened on"
        said = f"{treated.altered or 'none'} of {treated.at_risk} runs at risk were altered; {also}"
        return Verdict(ALTERED, f"{said}; the first: {bystanders.altered[0]}", findings)
    if treated.altered:
        altered = next(fate for fate in findings.fates if fate.fate == ALTERED and fate.side == "treated")
        return Verdict(
            ALTERED,
            f"{treated.altered} of {treated.at_risk} runs at risk were altered; the first: {altered.why}",
            findings,
        )
    if treated.stranded:
        return Verdict(
            STRANDED,
            f"{treated.stranded} of {treated.at_risk} kept runs never ran, and the whole twin completed",
            findings,
        )
    unfinished = next(fate for fate in findings.fates if fate.side == "treated" and not fate.completed)
    return Verdict(
        INCONCLUSIVE,
        f"only {treated.completed} of {treated.at_risk} completed; the drain ended by: {drained}; "
        f"the first that did not: {unfinished.why}",
        findings,
    )


def _no_control(findings: Findings, bystanders: Bystanders) -> str:
    """Why the answers or the twin are nothing to hold the treated runs against; empty where they are."""
    twin = findings.twin
    if flaws := [*findings.flaws, *bystanders.flaws]:
        return flaws[0]
    if twin.lost:
        return f"the twin, which nobody updated, lost {twin.lost} of {twin.at_risk} too"
    if findings.unclean:
        return f"{findings.unclean[0]}: the twin, which nobody updated, is no control"
    if twin.altered:
        altered = next(fate for fate in findings.fates if fate.fate == ALTERED and fate.side == "twin")
        said = f"{twin.altered} of the {twin.at_risk} runs of the twin, which nobody updated, were altered too"
        return f"{said}; the first: {altered.why}"
    return ""


def drain_end(events: Sequence[Event]) -> str:
    """How the drain ended, as the end of a sentence; empty where it did not."""
    return "".join(event.ended for event in of_kind(events, Drained)[-1:]) + _worker_restarts(events)


def _worker_restarts(events: Sequence[Event]) -> str:
    """How often the drain had to start a living worker again, as the end of a sentence; empty where it had not."""
    times = sum(event.restarts for event in of_kind(events, Drained))
    return f"; their worker left overdue runs alone until it was started again ({times} times)" if times else ""


def _door_output(events: Sequence[Event]) -> str:
    return "".join(door.output for door in of_kind(events, DoorClosed)[-1:])


def as_expected(outcome: str | None, expected: str | None) -> bool | None:
    """Whether an outcome is the expected one; None where it could not be judged or nothing is expected."""
    if outcome in UNJUDGED or expected is None:
        return None
    return outcome == expected


def bystanders_of(trial: dict[str, Any]) -> int:
    """How many runs of other deployments a trial's entry says that its door deleted or altered."""
    return int(trial.get("bystanders_lost", 0) + trial.get("bystanders_altered", 0))


def _is_held(trial: dict[str, Any]) -> bool:
    return bool(trial["expected"] or (trial.get("ticks") or {}).get("expected"))


def contradicts(trial: dict[str, Any]) -> bool:
    """Whether a trial's entry contradicts what is known: of its runs, of its ticks, or of runs of other deployments."""
    ticks = trial.get("ticks") or {}
    wrong = as_expected(trial["outcome"], trial["expected"]) is False or ticks.get("as_expected") is False
    return trial["outcome"] not in UNJUDGED and bool(wrong or bystanders_of(trial))


def unjudged(trial: dict[str, Any]) -> bool:
    """Whether a trial's entry lacks a verdict: on its runs, or on ticks of which something is expected."""
    ticks = trial.get("ticks") or {}
    expected = ticks.get("expected") is not None and ticks["as_expected"] is None
    judged_by_them = trial.get("judged_by") == "ticks" and ticks.get("outcome") == "inconclusive"
    return trial["outcome"] in UNJUDGED or expected or judged_by_them


def said(trial: dict[str, Any]) -> str:
    """What a trial's entry came to, in a word or two: its outcome, or that of its ticks where those are judged."""
    if trial.get("judged_by") == "ticks" and trial["outcome"] not in {NOT_APPLICABLE, *UNJUDGED}:
        return f"ticks {trial['ticks']['outcome']}"
    return trial["outcome"] or "not run"


def objection(trial: dict[str, Any]) -> str:
    """What a trial that contradicts contradicts, and why, for a reader; empty where it does not."""
    known = f" ({trial['reference']})" if trial["reference"] else ""
    if as_expected(trial["outcome"], trial["expected"]) is False:
        return f"{trial['outcome']}, expected {trial['expected']}{known}: {trial['reason']}"
    if trial["outcome"] not in UNJUDGED and (others := bystanders_of(trial)):
        return f"{others} runs of other deployments are gone or altered, and none is expected to: {trial['reason']}"
    if contradicts(trial):
        ticks = trial["ticks"]
        return f"ticks {ticks['outcome']}, expected {ticks['expected']}{known}: {ticks['reason']}"
    return ""


def exit_code(trials: Iterable[dict[str, Any]]) -> int:
    """The exit code of a run from its trials' entries (docs/verdicts.md).

    A contradiction outweighs what could not be judged, so that `git bisect run` skips only what says nothing. A verdict
    of which nothing is known contradicts nothing, and is no success by itself.
    """
    tried = [trial for trial in trials if trial["outcome"] != NOT_APPLICABLE]
    if any(contradicts(trial) for trial in tried):
        return EXIT_CONTRADICTED
    if any(unjudged(trial) for trial in tried) or not any(map(_is_held, tried)):
        return EXIT_UNJUDGED
    return EXIT_AS_EXPECTED
