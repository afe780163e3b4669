"""What a plan of chaos shows of each promise, from the verdicts on its doors.

A door of a plan is a trial, and is judged as one. Its outcome is a promise, too: that no overdue run is lost, altered
or left behind. A promise is broken by a plan if one of its doors shows that, and known to be broken if what is known of
the release explains each of these. It is kept only where a door shows that, and none leaves it untold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from harness.chaos.results import BROKEN, KEPT, NOTHING, UNKNOWN, PlanResult, PromiseSeen
from harness.checkers import Check, load_promises
from harness.checkers._findings import Counts
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
from harness.verdict.ticks_at_doors import AtDoor, Taken
from harness.words.names import SIDES
from harness.words.promises import Promise

OVERDUE, TICKS = "overdue", "ticks"
OVERDUE_PROMISE = "No overdue run is lost, altered or left behind; each happens once all faults are lifted"
_BACKLOG, _BY_HAND = "overdue", "user-created"  # as harness/known names them
_SURVIVAL, _BYSTANDERS = "survival", "bystanders"  # the checkers of what was at risk, and of others' runs
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
            OVERDUE: _overdue(door, doors, version),
            **{name: _promise(name, door, doors, version) for name in load_promises()},
        }
        for door in doors
    ]


def worst_of(shown: Sequence[Mapping[str, PromiseSeen]]) -> dict[str, PromiseSeen]:
    """What a plan shows of each promise, by what its doors do: broken by news, broken, unknown, kept."""
    return {name: _worst([of[name] for of in shown]) for name in (OVERDUE, *load_promises()) if shown}


def _worst(seen: Sequence[PromiseSeen]) -> PromiseSeen:
    """The worst of what doors show of a promise; `untold` where it is broken, and one of them could not tell it."""
    worst = min(seen, key=_rank)
    # rule: plan-untold-by-another-door (without first)
    untold = any(one.came_to == UNKNOWN or one.untold for one in seen)
    return replace(worst, untold=untold) if worst.came_to == BROKEN else worst


def exit_code(plans: Sequence[PlanResult], missing: Sequence[int] = ()) -> int:
    """1 if a promise is broken by news, else 125 if one is unknown or untold, or nothing was kept; else 0.

    125, too, instead of 0 where a plan is missing.
    """
    seen = [promise for plan in plans for promise in plan.promises.values()]
    if any(promise.came_to == BROKEN and not promise.known for promise in seen):  # rule: plan-news-is-1
        return EXIT_CONTRADICTED
    if any(promise.untold for promise in seen):  # rule: plan-untold-is-125
        return EXIT_UNJUDGED
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


def _overdue(door: Opened, doors: Sequence[Opened], version: str) -> PromiseSeen:
    verdict, others = door.verdict, door.verdict.bystanders
    came_to = {SURVIVED: KEPT, LOST: BROKEN, ALTERED: BROKEN, STRANDED: BROKEN}.get(verdict.outcome, UNKNOWN)
    reason, short = verdict.reason, _is_short_of_runs(verdict)
    # rule: plan-nothing-at-risk (never), plan-twin-with-nothing-at-risk (without last)
    if short and not verdict.findings.treated.at_risk:
        came_to = NOTHING
    told = came_to == NOTHING or not _doubts(verdict)
    # A control is needed to blame the door. Where each run happened, there is nothing to blame.
    if short and _all_happened(verdict.findings.treated):  # rule: plan-kept-without-a-twin (never)
        came_to = KEPT
        reason = f"all {verdict.findings.treated.at_risk} runs at risk are there at every look and completed"
    # What it did to another deployment counts though its own had nothing to lose.
    if short and (others.lost or others.altered):
        came_to = BROKEN  # rule: plan-counts-bystanders (skip)
        reason = f"the door took or altered {len(others.lost) + len(others.altered)} runs of other deployments"
    # What was due and not called Late yet was no run at risk of the trial, and is overdue all the same.
    elif door.at.taken and (short or came_to == KEPT):  # rule: plan-overdue-before-it-is-late (never)
        came_to = BROKEN
        reason = f"{len(door.at.taken)} runs that were due, or that a person had created, are gone just after the door"
    elif _is_taken_by_another(verdict):
        came_to, told = BROKEN, True  # rule: plan-counts-doors-of-others (skip)
        reason = f"{verdict.checks[_SURVIVAL].reason}; {others.taken[0]}"
    if came_to != BROKEN:
        return PromiseSeen(came_to=came_to, reason=reason)
    # rule: plan-untold-without-a-twin (without first), plan-untold-beside-a-loss (without last)
    untold = not told or door.at.rest == INCONCLUSIVE
    return PromiseSeen(came_to=BROKEN, reason=reason, known=_known_losses(door, doors, version), untold=untold)


def _all_happened(treated: Counts) -> bool:
    """Whether there were runs at risk, and each completed and was called nothing else."""
    # rule: plan-kept-if-each-completed (without last), plan-kept-if-none-was-altered (without first)
    whole = not treated.altered and treated.completed - treated.relabelled == treated.at_risk
    return bool(treated.at_risk) and whole


def _is_taken_by_another(verdict: Verdict) -> bool:
    """Whether nothing stands against a broken promise but that the door of another deployment of the plan broke it.

    The trial of this door has no verdict then. Both doors are the plan's, so the plan has broken the promise.
    """
    own = verdict.checks.get(_SURVIVAL, Check()).outcome
    # rule: plan-taken-beside-a-whole-twin (without first), plan-taken-and-no-other-doubt (without last)
    return own in (LOST, ALTERED, STRANDED) and bool(verdict.bystanders.taken) and _doubts(verdict) == [_BYSTANDERS]


def _doubts(verdict: Verdict) -> list[str]:
    """The checkers that could not tell something."""
    return [name for name, check in verdict.checks.items() if check.outcome == INCONCLUSIVE]


def _is_short_of_runs(verdict: Verdict) -> bool:
    """Whether nothing stands against a verdict but that a side had nothing at risk."""
    found = verdict.findings
    unclear = [
        *found.flaws,  # rule: plan-nothing-seen-no-flaw
        *found.vanished,  # rule: plan-nothing-seen-none-vanished
        *found.unclean,  # rule: plan-nothing-seen-clean-twin
    ]
    # rule: plan-error-is-unknown (without first), plan-nothing-seen-no-other-doubt (without last)
    alone = verdict.outcome == INCONCLUSIVE and _doubts(verdict) == [_SURVIVAL]
    # rule: plan-short-of-runs (without last)
    return alone and not unclear and not (found.treated.at_risk and found.twin.at_risk)


def _known_losses(door: Opened, doors: Sequence[Opened], version: str) -> str:
    """The references that explain each run that is gone; empty where one is not explained, or the door did more."""
    verdict, others = door.verdict, door.verdict.bystanders
    if others.lost or others.altered:  # rule: plan-known-of-its-own-runs (never)
        return ""
    if {verdict.outcome, door.at.rest} & {ALTERED, STRANDED}:  # rule: plan-known-losses-alone (never)
        return ""
    lost = {fate.run for fate in verdict.findings.fates if fate.side == SIDES[0] and fate.fate == LOST}
    # rule: plan-known-each-run (without first)
    gone = sorted(lost | {one.run for one in door.at.taken})
    taken = {one.run: (one, by) for by in doors for one in by.at.taken}
    # rule: plan-known-if-a-door-took-it (gives 'somewhere')
    return _together([_why_taken(*taken[run], version) if run in taken else "" for run in gone])


def _why_taken(run: Taken, door: Opened, version: str) -> str:
    """The reference that explains that this door took a run; empty: it is not known of the door."""
    if not run.by_hand:  # rule: plan-known-by-whose-run (always)
        return _why(run.tick, MISSING, [door], version)
    found = known_for(_BY_HAND, door, version)
    return found.reference if found and found.outcome == LOST else ""


def _promise(name: str, door: Opened, doors: Sequence[Opened], version: str) -> PromiseSeen:
    found = door.verdict.promises.get(name)
    if found is None:  # rule: plan-nothing-seen-is-not-kept
        return PromiseSeen(came_to=NOTHING)
    checker = load_promises()[name]
    if found.outcome == checker.kept:
        # rule: plan-no-tick-was-due (never)
        if name == TICKS and not door.verdict.found(TICKS, Ticks()).expected:
            return PromiseSeen(came_to=NOTHING, reason=found.reason)
        return PromiseSeen(came_to=KEPT, reason=found.reason)
    if found.outcome not in checker.breaks:
        return PromiseSeen(came_to=UNKNOWN, reason=found.reason)
    return PromiseSeen(came_to=BROKEN, reason=found.reason, known=_known(name, found, door, doors, version))


def _known(name: str, found: Promise, door: Opened, doors: Sequence[Opened], version: str) -> str:
    """Where it is known from that this release breaks a promise so; ticks are, if each of them is explained."""
    known = known_promises(_BACKLOG, door, version).get(name)
    if known and known.outcome == found.outcome:  # rule: plan-known-promise (never)
        return known.reference
    if known and known.sometimes == found.outcome:  # rule: plan-known-sometimes (never)
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
        taken = tick in door.at.ticks_taken  # rule: plan-known-losses-explain-ticks (gives True)
        if found and loses and taken and what == MISSING:
            return found.reference
        for known in load_known_ticks():
            # rule: plan-tick-comes-to-what-is-known (without first)
            if _BREAKS[known.becomes] == what and known.is_of(door, version) and door.at.explains(tick, known):
                return known.reference
    return ""
