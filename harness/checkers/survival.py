"""Which runs at risk survived: each one's fate, beside a twin's that nobody touched.

Where the door hit the twin, too (a server that was restarted), the treated runs alone say what it came to. The control
is then a trial in another lab (verdict/controls.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from msgspec.structs import replace

from harness.checkers._check import Check
from harness.checkers._fates import find_fates
from harness.checkers._findings import Counts, Findings, RunFate
from harness.checkers._trial import came_to_its_end, is_absolute
from harness.history import of_kind, opening_of
from harness.words.events import Drained, Event, Note, WorkerRestarted
from harness.words.outcomes import ALTERED, INCONCLUSIVE, LOST, STRANDED, SURVIVED


def check(events: Sequence[Event]) -> Check:
    """The outcome of the trial's own runs; `found` is its Findings, of a trial that broke as well."""
    opening = opening_of(events)
    if not opening:
        return Check(found=Findings(Counts(), Counts()))
    findings = find_fates(events, state=opening.state)
    if not came_to_its_end(events):
        return Check(found=findings)
    if too_few := _too_few(findings, opening.minimum, events):
        return Check(outcome=INCONCLUSIVE, reason=too_few, found=findings)
    return replace(_weigh(events, findings), found=findings)


def outcome_of_the_rest(events: Sequence[Event]) -> str:
    """What the treated runs at risk that are not gone came to, by the same rules; empty where there are none."""
    opening = opening_of(events)
    if not opening or not came_to_its_end(events):
        return ""
    findings = find_fates(events, state=opening.state)
    left = findings.treated.at_risk - findings.treated.lost
    # rule: rest-after-a-loss (without last)
    if not left and not findings.vanished:
        return ""
    rest = dataclasses.replace(findings.treated, at_risk=left, lost=0)
    return _weigh(events, dataclasses.replace(findings, treated=rest)).outcome or ""


def _too_few(findings: Findings, minimum: int, events: Sequence[Event]) -> str:
    """Why there is too little at risk for any verdict; empty where there is enough."""
    for side, counts in (
        ("treated", findings.treated),
        ("twin", findings.twin),  # rule: minimum-on-both-sides
    ):
        if counts.at_risk < minimum:  # rule: minimum-zero, minimum-exactly (boundary)
            note = "".join(f" ({event.text})" for event in of_kind(events, Note)[-1:])
            return f"{counts.at_risk} runs of the {side} deployment were at risk, {minimum} are needed{note}"
    return ""


def _weigh(events: Sequence[Event], findings: Findings) -> Check:
    treated, twin, absolute = findings.treated, findings.twin, is_absolute(events)
    if objection := _no_control(findings, absolute=absolute):
        return Check(outcome=INCONCLUSIVE, reason=objection)
    if treated.unknown or (twin.unknown and not absolute):  # rule: no-fate-no-verdict
        unknown = next(fate for fate in findings.fates if fate.fate == "unknown" and _counts(fate, absolute=absolute))
        said = f"run {unknown.run} of the {unknown.side} deployment: {unknown.why}"
        return Check(outcome=INCONCLUSIVE, reason=said)
    if treated.lost:  # rule: lost-one-is-enough, lost-comes-first (last)
        beside = "" if absolute else f", and the twin lost none of {twin.at_risk}"
        said = f"{treated.lost} of {treated.at_risk} runs at risk are gone{beside}"
        return Check(outcome=LOST, reason=said)
    if findings.vanished:  # rule: survived-nothing-vanished
        said = f"{findings.vanished[0]}, and was none of those at risk"
        return Check(outcome=INCONCLUSIVE, reason=said, yields=True)
    # rule: survived-none-altered (without last), survived-without-the-twin (later)
    if treated.settled == treated.at_risk and not treated.altered:  # rule: survived-each-completed (without first)
        return _all_completed(events, treated, twin, absolute=absolute)
    if twin.undisturbed < twin.at_risk and not absolute:  # rule: altered-stranded-want-the-twin
        said = (
            f"only {treated.completed} of {treated.at_risk} completed, and the twin did not complete either "
            f"({twin.undisturbed} of {twin.at_risk}); the drain ended by: {drain_end(events)}"
        )
        return Check(outcome=INCONCLUSIVE, reason=said, yields=True)
    if (treated.altered or treated.stranded) and of_kind(events, WorkerRestarted):  # rule: dying-worker-is-no-verdict
        said = (
            f"{treated.altered} of {treated.at_risk} ended otherwise and {treated.stranded} never ran, but the worker "
            "had ended meanwhile, which may be why"
        )
        return Check(outcome=INCONCLUSIVE, reason=said, yields=True)
    if treated.altered:  # rule: altered-one-is-enough, altered-before-stranded (last)
        altered = next(fate for fate in findings.fates if fate.fate == ALTERED and fate.side == "treated")
        said = f"{treated.altered} of {treated.at_risk} runs at risk were altered; the first: {altered.why}"
        return Check(outcome=ALTERED, reason=said)
    if treated.stranded:  # rule: stranded-one-is-enough
        beside = "" if absolute else ", and the whole twin completed"
        said = f"{treated.stranded} of {treated.at_risk} kept runs never ran{beside}"
        return Check(outcome=STRANDED, reason=said)
    unfinished = next(fate for fate in findings.fates if fate.side == "treated" and not fate.completed)
    said = (
        f"only {treated.completed} of {treated.at_risk} completed; the drain ended by: {drain_end(events)}; "
        f"the first that did not: {unfinished.why}"
    )
    return Check(outcome=INCONCLUSIVE, reason=said, yields=True)


def _all_completed(events: Sequence[Event], treated: Counts, twin: Counts, *, absolute: bool) -> Check:
    # rule: all-relabelled-is-no-verdict
    if treated.relabelled == treated.completed and not twin.relabelled and not absolute:
        said = f"all {treated.completed} completed, but each was called otherwise after that, and none of the twin's"
        return Check(outcome=INCONCLUSIVE, reason=said, yields=True)
    said = f"all {treated.at_risk} runs at risk are there at every look and completed"
    if treated.unasked:  # rule: sample-is-said
        said = (
            f"all {treated.at_risk} runs at risk are there at every look; {treated.completed} of them completed, those "
            f"due first among them, and the other {treated.unasked} were not asked to complete"
        )
    later = f" ({treated.relabelled} of them were called otherwise after that)" if treated.relabelled else ""
    return Check(outcome=SURVIVED, reason=said + later + _worker_restarts(events))


def _counts(fate: RunFate, *, absolute: bool) -> bool:
    return fate.side == "treated" or not absolute


def _no_control(findings: Findings, *, absolute: bool) -> str:
    """Why the answers or the twin are nothing to hold the treated runs against; empty where they are."""
    twin = findings.twin
    if findings.flaws:  # rule: flaws-forbid-a-verdict
        return findings.flaws[0]
    if absolute:  # rule: absolute-without-the-twin (never)
        return ""
    if twin.lost:  # rule: lost-twin-is-no-control
        return f"the twin, which nobody updated, lost {twin.lost} of {twin.at_risk} too"
    if findings.unclean:  # rule: unclean-twin-is-no-control
        return f"{findings.unclean[0]}: the twin, which nobody updated, is no control"
    if twin.altered:  # rule: altered-twin-is-no-control
        altered = next(fate for fate in findings.fates if fate.fate == ALTERED and fate.side == "twin")
        said = f"{twin.altered} of the {twin.at_risk} runs of the twin, which nobody updated, were altered too"
        return f"{said}; the first: {altered.why}"
    return ""


def drain_end(events: Sequence[Event]) -> str:
    """How the drain ended, as the end of a sentence; empty where it did not."""
    return "".join(event.ended for event in of_kind(events, Drained)[-1:]) + _worker_restarts(events)


def _worker_restarts(events: Sequence[Event]) -> str:
    """How often the drain had to start a living worker again, as the end of a sentence; empty where it had not."""
    times = sum(event.restarts for event in of_kind(events, Drained))  # rule: restarts-are-said (gives 0)
    return f"; their worker left overdue runs alone until it was started again ({times} times)" if times else ""
