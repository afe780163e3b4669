"""What a door did to runs of deployments that it was not opened on, and what the doors of others did to a trial's own.

Around each door the runs of the lab's other trials are listed; what is not listed any more is looked up by its id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.checkers.survival import EXPECTED, IDENTITY, NEXT, is_gone_for_good, same_instant
from harness.history import Event, of_kind


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


def check_bystanders(events: Sequence[Event]) -> Bystanders:
    """What a history says of runs that no door had been opened on."""
    found = Bystanders()
    for event in of_kind(events, "bystanders"):
        gone = [run for run in event["unlisted"] if is_gone_for_good(run["answers"])]
        altered = [one for one in event.get("changed", ()) if _how_altered(one)]
        untold = [run for run in event["unlisted"] if not is_gone_for_good(run["answers"])] + event.get("hidden", [])
        if untold:
            found.flaws.append(f"run {untold[0]['run']} of another deployment is in no listing, and is there by its id")
        if gone and [answer["status"] for answer in event["control"]] != [200, 200]:
            found.flaws.append(f"{_these(gone, 'gone')}, and so was a run of the twin")
        for of, word in ((gone, "gone"), (altered, "altered")):
            if of and all(one["opened"] for one in of):
                found.flaws.append(f"{_these(of, word)}, all of trials whose own door had been opened before")
        found.lost.extend(run["run"] for run in gone if not run["opened"])
        found.altered.extend(
            f"run {one['was']['run']}, whose {_how_altered(one)}" for one in altered if not one["opened"]
        )
    for event in of_kind(events, "unlisted"):
        if is_gone_for_good(event["answers"]):
            found.taken.append(f"{_that_door(event)} deleted its run {event['run']}")
    for event in of_kind(events, "changed"):
        if how := _how_altered(event):
            found.taken.append(f"{_that_door(event)} altered its run {event['was']['run']}: its {how}")
    return found


def _these(runs: Sequence[Any], word: str) -> str:
    return f"{len(runs)} runs of other deployments were {word} as the door was shut"


def _that_door(event: Event) -> str:
    return f"the door {event['door']} of {event['scenario']}, opened beside it in this lab,"


def _how_altered(change: dict[str, Any]) -> str:
    """What of a run changed that neither time nor a worker changes, as the end of a sentence; empty where nothing did.

    A worker may have picked it up meanwhile, and it may have waited for a slot anew: then it is due at another time.
    """
    was, now, states = change["was"], change["now"], change.get("states")
    if states is not None and was.get("state_id") not in states:
        return f"states, without the {was.get('state_name')} that it was in, are those of another run"
    waits = (NEXT,) if was.get("state_id") == now.get("state_id") else ()
    for key in (*IDENTITY, EXPECTED, *waits):
        one, other = was.get(key), now.get(key)
        if one != other and not (key in (EXPECTED, NEXT) and same_instant(one, other)):
            return f"{key} was {one!r} and is {other!r}"
    types = was.get("state_type"), now.get("state_type")
    ran = (now.get("run_count") or 0) > (was.get("run_count") or 0)
    if types[0] == "SCHEDULED" and (types[1] in ("CANCELLED", "CANCELLING") or (types[1] == "COMPLETED" and not ran)):
        return f"state was {was.get('state_name')} and is {now.get('state_name')}, and it did not run"
    return ""
