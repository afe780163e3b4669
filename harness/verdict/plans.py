"""What a plan of chaos shows of each promise, from the verdicts on its doors.

A door of a plan is a trial, and is judged as one. Its outcome is a promise, too: that no overdue run is lost, altered
or left behind. A promise is broken by a plan if one of its doors shows that, and known to be broken if what is known of
the release explains each of these. It is kept only where a door shows that, and none leaves it untold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from harness.chaos.results import BROKEN, KEPT, NOTHING, UNKNOWN, PlanResult, PromiseSeen
from harness.checkers import load_promises
from harness.checkers.ticks import DUPLICATE, MISSING, Ticks
from harness.history import moment
from harness.known import known_for, known_promises, load_known_ticks
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
from harness.verdict.ticks_at_doors import AtDoor
from harness.words.promises import Promise

OVERDUE, TICKS = "overdue", "ticks"
OVERDUE_PROMISE = "No overdue run is lost, altered or left behind; each happens once all faults are lifted"
_BACKLOG = "overdue"  # as harness/known names it
_BREAKS = {"dropped": MISSING, "taken twice": DUPLICATE, "raced twice": DUPLICATE}  # what a tick's promise came to


@dataclass(frozen=True)
class Opened:
    """A door of a plan, as `harness.known` asks for one, the verdict on it, and what it did to ticks (`at_door`)."""

    name: str
    family: str
    deployment: str
    verdict: Verdict
    at: AtDoor = field(default_factory=AtDoor)


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
    found = known_for(_BACKLOG, door, version)
    # What was due and not called Late yet was no run at risk of the trial, and is overdue all the same.
    if door.at.taken and came_to in (KEPT, NOTHING):  # rule: plan-overdue-before-it-is-late
        said = f"{len(door.at.taken)} runs that were due, and not Late yet, are gone just after the door"
        why = [_why(tick, MISSING, [door], version) for tick in sorted(door.at.taken)]
        return PromiseSeen(came_to=BROKEN, reason=said, known=_together(why))
    known = found.reference if found and found.outcome == verdict.outcome and came_to == BROKEN else ""
    return PromiseSeen(came_to=came_to, reason=verdict.reason, known=known)


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
    """Where it is known from that this release breaks a promise so; ticks are, if each of them is explained."""
    known = known_promises(_BACKLOG, door, version).get(name)
    if known and known.outcome == found.outcome:
        return known.reference
    if known and known.sometimes == found.outcome:
        return known.sometimes_reference
    if name != TICKS:
        return ""
    ticks = door.verdict.found(TICKS, Ticks())
    own = [one for one in doors if one.deployment == door.deployment]  # rule: plan-ticks-of-its-deployment (always)
    broken = [(tick, MISSING) for tick in ticks.missing] + [(tick, DUPLICATE) for tick in ticks.duplicate]
    return _together([_why(moment(tick), what, own, version) for tick, what in broken])


def _together(why: Sequence[str]) -> str:
    """The references of all, each once; none where one of them is not explained."""
    return "; ".join(dict.fromkeys(why)) if all(why) else ""  # rule: plan-each-tick-is-explained (always)


def _why(tick: datetime, what: str, doors: Sequence[Opened], version: str) -> str:
    """The reference that explains a tick of a deployment by what one of these doors did; empty: none does.

    Its overdue run was taken, as is known of the door; or what became of it beside the door is known of single ticks.
    """
    for door in doors:
        found = known_for(_BACKLOG, door, version)
        loses = found is not None and found.outcome == LOST  # rule: plan-known-door-takes-ticks (without last)
        taken = tick in door.at.taken  # rule: plan-known-losses-explain-ticks (gives True)
        if found and loses and taken and what == MISSING:
            return found.reference
        for known in load_known_ticks():
            # rule: plan-tick-comes-to-what-is-known (without first)
            if _BREAKS[known.becomes] == what and known.is_of(door, version) and door.at.explains(tick, known):
                return known.reference
    return ""
