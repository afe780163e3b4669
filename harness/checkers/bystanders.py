"""What a door did to runs of deployments that it was not opened on.

And what the doors of other trials did to the runs of this one.
Around each door the runs of the lab's other trials are listed; what is not listed any more is looked up by its id.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.checkers._check import Check
from harness.checkers._runs import EXPECTED, IDENTITY, NEXT, is_gone_for_good, same_instant
from harness.checkers._trial import came_to_its_end
from harness.history import of_kind
from harness.words.events import BystandersSeen, ChangedByAnother, Event, TakenByAnother
from harness.words.facts import FlowRun
from harness.words.names import WAITS
from harness.words.outcomes import ALTERED, INCONCLUSIVE, LOST


@dataclass(frozen=True)
class Bystanders:
    """Runs of other trials, and of this one, that a door did something to that was not opened on them.

    lost     ids of others' runs that the door of this trial deleted
    altered  others' runs that it altered, a phrase each
    taken    what a door of another trial of the lab did to this trial's runs, a phrase each
    flaws    why it may be no doing of this door that others' runs are gone or altered, a phrase each
    """

    lost: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)


def check(events: Sequence[Event]) -> Check:
    """`lost` or `altered` by what the door did to others' runs; `inconclusive` where another's door did so to its own.

    `found` is the Bystanders.
    """
    if not came_to_its_end(events):
        return Check()
    found = check_bystanders(events)
    if doubt := [*found.taken, *found.flaws]:  # rule: bystanders-taken (without first)
        return Check(outcome=INCONCLUSIVE, reason=doubt[0], found=found)
    if found.lost:  # rule: bystanders-lost
        said = f"the door deleted {len(found.lost)} runs of deployments that it was not opened on"
        return Check(outcome=LOST, reason=said, found=found)
    if found.altered:  # rule: bystanders-altered
        said = f"the door altered {len(found.altered)} runs of deployments that it was not opened on"
        return Check(outcome=ALTERED, reason=f"{said}; the first: {found.altered[0]}", found=found)
    return Check(found=found)


def check_bystanders(events: Sequence[Event]) -> Bystanders:
    """What a history says of runs that no door had been opened on."""
    found = Bystanders()
    for event in of_kind(events, BystandersSeen):
        gone = [run for run in event.unlisted if is_gone_for_good(run.answers)]  # rule: bystanders-by-id (always)
        altered = [one for one in event.changed or () if _how_altered(one.was, one.now, one.states)]
        untold = [run for run in event.unlisted if not is_gone_for_good(run.answers)]
        if hidden := [run.run for run in (*untold, *event.hidden)]:  # rule: bystanders-both-sources
            found.flaws.append(f"run {hidden[0]} of another deployment is in no listing, and is there by its id")
        # rule: bystanders-while-twin-answers (never)
        if gone and [answer.status for answer in event.control] != [200, 200]:
            found.flaws.append(f"{_these(gone, 'gone')}, and so was a run of the twin")
        for of, word in ((gone, "gone"), (altered, "altered")):
            if of and all(one.opened for one in of):
                found.flaws.append(f"{_these(of, word)}, all of trials whose own door had been opened before")
        found.lost.extend(run.run for run in gone if not run.opened)  # rule: bystanders-own-door-first (always)
        found.altered.extend(
            f"run {one.was.run}, whose {_how_altered(one.was, one.now, one.states)}"
            for one in altered
            if not one.opened  # rule: bystanders-own-door-altered
        )
    for taken in of_kind(events, TakenByAnother):
        if is_gone_for_good(taken.answers):
            found.taken.append(f"{_that_door(taken)} deleted its run {taken.run}")
    for changed in of_kind(events, ChangedByAnother):  # rule: bystanders-altered-by-another
        if how := _how_altered(changed.was, changed.now, changed.states):
            found.taken.append(f"{_that_door(changed)} altered its run {changed.was.run}: its {how}")
    return found


def _these(runs: Sequence[Any], word: str) -> str:
    return f"{len(runs)} runs of other deployments were {word} as the door was shut"


def _that_door(event: TakenByAnother | ChangedByAnother) -> str:
    return f"the door {event.door} of {event.scenario}, opened beside it in this lab,"


def _how_altered(was: FlowRun, now: FlowRun, states: Collection[str] | None) -> str:
    """What of a run changed that neither time nor a worker changes, as the end of a sentence; empty where nothing did.

    A worker may have picked it up meanwhile, and it may have waited for a slot anew: then it is due at another time.
    """
    if states is not None and was.state_id not in states:  # rule: bystanders-inserted-again
        return f"states, without the {was.state_name} that it was in, are those of another run"
    waits = (NEXT,) if was.state_id == now.state_id else ()
    for key in (*IDENTITY, EXPECTED, *waits):  # rule: bystanders-going-on
        one, other = getattr(was, key), getattr(now, key)
        if one != other and not (key in (EXPECTED, NEXT) and same_instant(one, other)):
            return f"{key} was {one!r} and is {other!r}"
    ran = (now.run_count or 0) > (was.run_count or 0)
    # rule: bystanders-completed-ran (without last)
    ended_unrun = now.state_type in ("CANCELLED", "CANCELLING") or (now.state_type == "COMPLETED" and not ran)
    if was.state_type in WAITS and ended_unrun:
        return f"state was {was.state_name} and is {now.state_name}, and it did not run"
    return ""
