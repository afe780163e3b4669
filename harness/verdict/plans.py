"""What a plan of chaos shows of each promise, from the verdicts on its doors.

A door of a plan is a trial, and is judged as one. Its outcome is a promise, too: that no overdue run is lost, altered
or left behind. A promise is broken by a plan if one of its doors shows that, and known to be broken if what is known of
the release explains each of these. It is kept only where a door shows that, and none leaves it untold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.chaos.results import BROKEN, KEPT, NOTHING, UNKNOWN, PlanResult, PromiseSeen
from harness.checkers import load_promises
from harness.checkers._runs import is_gone_for_good, listed_at
from harness.checkers.ticks import Ticks
from harness.history import moment, of_kind
from harness.known import known_for, known_promises
from harness.verdict.outcomes import (
    ALTERED,
    EXIT_AS_EXPECTED,
    EXIT_CONTRADICTED,
    EXIT_UNJUDGED,
    INCONCLUSIVE,
    LOST,
    STRANDED,
    SURVIVED,
    Verdict,
)
from harness.words.events import DoorClosed, Event, Look
from harness.words.facts import Answer
from harness.words.names import AFTER, BEFORE
from harness.words.promises import Promise

OVERDUE, TICKS = "overdue", "ticks"
OVERDUE_PROMISE = "No overdue run is lost, altered or left behind; each happens once all faults are lifted"
_BACKLOG = "overdue"  # as harness/known names it


@dataclass(frozen=True)
class Opened:
    """A door of a plan, as `harness.known` asks for one, the verdict on it, and the ticks that it took (`taken_by`)."""

    name: str
    family: str
    deployment: str
    verdict: Verdict
    taken: frozenset[datetime] = frozenset()


def promises_of(doors: Sequence[Opened], version: str) -> list[dict[str, PromiseSeen]]:
    """What each door shows of each promise, in the same order."""
    return [
        {
            OVERDUE: _overdue(door, version),
            **{name: _promise(name, door, doors, version) for name in load_promises()},
        }
        for door in doors
    ]


def worst_of(shown: Sequence[Mapping[str, PromiseSeen]]) -> dict[str, PromiseSeen]:
    """What a plan shows of each promise, by what its doors do: broken by news, broken, unknown, kept."""
    return {name: min((of[name] for of in shown), key=_rank) for name in (OVERDUE, *load_promises()) if shown}


def exit_code(plans: Sequence[PlanResult], missing: Sequence[int] = ()) -> int:
    """1 if a promise is broken by news, else 125 if one is unknown, nothing was kept or a plan is missing, else 0."""
    seen = [promise for plan in plans for promise in plan.promises.values()]
    if any(promise.came_to == BROKEN and not promise.known for promise in seen):  # rule: plan-news-is-1
        return EXIT_CONTRADICTED
    came_to = {promise.came_to for promise in seen}
    # rule: plan-unknown-is-125 (without first), plan-missing-is-125 (without last)
    if UNKNOWN in came_to or not came_to & {KEPT, BROKEN} or missing:
        return EXIT_UNJUDGED
    return EXIT_AS_EXPECTED


def _rank(promise: PromiseSeen) -> int:
    if promise.came_to == BROKEN:
        return 1 if promise.known else 0  # rule: plan-news-before-known (gives 1)
    if promise.came_to == UNKNOWN:  # rule: plan-unknown-before-kept
        return 2
    return 3 if promise.came_to == KEPT else 4


def _overdue(door: Opened, version: str) -> PromiseSeen:
    verdict = door.verdict
    treated, twin = verdict.findings.treated, verdict.findings.twin
    came_to = {SURVIVED: KEPT, LOST: BROKEN, ALTERED: BROKEN, STRANDED: BROKEN}.get(verdict.outcome, UNKNOWN)
    # rule: plan-nothing-at-risk (without first)
    if verdict.outcome == INCONCLUSIVE and not (treated.at_risk and twin.at_risk):
        others = verdict.bystanders
        # What it took of another deployment counts though its own had nothing to lose.
        if (others.lost or others.altered) and not (others.taken or others.flaws):  # rule: plan-counts-bystanders
            said = f"the door took or altered {len(others.lost) + len(others.altered)} runs of other deployments"
            return PromiseSeen(came_to=BROKEN, reason=said)
        came_to = NOTHING
    found, outcome, reason = known_for(_BACKLOG, door, version), verdict.outcome, verdict.reason
    # What was due and not called Late yet was no run at risk of the trial, and is overdue all the same.
    if door.taken and came_to in (KEPT, NOTHING):  # rule: plan-overdue-before-it-is-late
        came_to, outcome = BROKEN, LOST
        reason = f"{len(door.taken)} runs that were due, and not Late yet, are gone just after the door"
    known = found.reference if found and found.outcome == outcome and came_to == BROKEN else ""
    return PromiseSeen(came_to=came_to, reason=reason, known=known)


def _promise(name: str, door: Opened, doors: Sequence[Opened], version: str) -> PromiseSeen:
    found = door.verdict.promises.get(name)
    if found is None:  # rule: plan-nothing-seen-is-not-kept
        return PromiseSeen(came_to=NOTHING)
    checker = load_promises()[name]
    if found.outcome == checker.kept:
        return PromiseSeen(came_to=KEPT, reason=found.reason)
    if found.outcome not in checker.breaks:
        return PromiseSeen(came_to=UNKNOWN, reason=found.reason)
    return PromiseSeen(came_to=BROKEN, reason=found.reason, known=_known(name, found, door, doors, version))


def _known(name: str, found: Promise, door: Opened, doors: Sequence[Opened], version: str) -> str:
    """Where it is known from that this release breaks a promise so; a tick whose run is lost as is known is, too."""
    known = known_promises(_BACKLOG, door, version).get(name)
    if known and known.outcome == found.outcome:
        return known.reference
    if known and known.sometimes == found.outcome:
        return known.sometimes_reference
    return _known_losses(door, doors, version) if name == TICKS else ""


def _known_losses(door: Opened, doors: Sequence[Opened], version: str) -> str:
    """The reference, if each tick without a run is one whose overdue run a door of its deployment took, as is known."""
    taken, references = set[datetime](), []
    for one in (each for each in doors if each.deployment == door.deployment and each.taken):
        found = known_for(_BACKLOG, one, version)
        if found and found.outcome == LOST:  # rule: plan-known-door-takes-ticks
            references.append(found.reference)
            taken |= one.taken
    ticks = door.verdict.found(TICKS, Ticks())
    missing = {moment(tick) for tick in ticks.missing}
    # rule: plan-known-losses-explain-ticks (without last)
    return references[0] if references and not ticks.duplicate and missing <= taken else ""


def taken_by(events: Sequence[Event]) -> frozenset[datetime]:
    """The ticks of the treated runs that waited and were due as a door was answered, and that it took, by both sources.

    Nothing where a run of the twin that waited so is gone, too.
    """
    answered = next((moment(door.answered_at) for door in of_kind(events, DoorClosed) if door.answered_at), None)
    after = listed_at(events, AFTER)
    looks = [look for look in of_kind(events, Look) if look.when == AFTER][-1:]
    answers: dict[str, list[Answer]] = {}
    for each in (answer for look in looks for answer in look.answers):
        answers.setdefault(each.run, []).append(each)
    gone: dict[str, set[datetime]] = {"treated": set(), "twin": set()}
    for run, was in listed_at(events, BEFORE).items():
        waited = was.state_type == "SCHEDULED" and was.expected_start_time and was.side
        # rule: plan-taken-by-both-sources (without last)
        if waited and answered and run not in after and is_gone_for_good(answers.get(run, [])):
            tick = moment(was.expected_start_time or "")
            if tick <= answered:  # rule: plan-taken-was-due
                gone[str(was.side)].add(tick)
    return frozenset() if gone["twin"] else frozenset(gone["treated"])  # rule: plan-taken-not-of-the-twin (never)
