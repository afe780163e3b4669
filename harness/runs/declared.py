"""What a history says of its scenario and its door, beside what this harness declares of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from harness.doors import load_doors
from harness.history import of_kind, opening_of
from harness.trials.scenario import load_scenarios
from harness.words.events import DeploymentRead, DoorOpens, Event, Opening
from harness.words.proof import NOTHING, Proof

_OF_THE_SCENARIO = ("state", "minimum", "ticks", "interval", "judged_by")


def declared_otherwise(events: Sequence[Event]) -> str:
    """What it says that this harness has otherwise, in words; empty where it is the same."""
    if opening := opening_of(events):
        return _staged_otherwise(opening) or _opened_otherwise(opening, events)
    return ""


def _staged_otherwise(opening: Opening) -> str:
    scenario = load_scenarios().get(str(opening.scenario))
    for name in _OF_THE_SCENARIO if scenario else ():
        if (said := getattr(opening, name)) != (right := getattr(scenario, name)):  # rule: recheck-staged-alike
            return f"its history has {name} {said!r}, and the scenario has {right!r}"
    door = load_doors().get(str(opening.door))
    declared = {"stand_in": scenario.stand_in, "sample": scenario.sample_through(door)} if scenario and door else {}
    for name, right in declared.items():
        if (said := getattr(opening, name)) != right:  # rule: recheck-sample-as-declared
            return f"its history has {name} {said!r}, and the scenario has {right!r} through this door"
    return ""


def _opened_otherwise(opening: Opening, events: Sequence[Event]) -> str:
    """What is asked of the door's proof, whether it hits the twin, and which door its control is opened through."""
    door = load_doors().get(str(opening.door))
    if door is None:
        return ""
    if opening.reach != door.reach:  # rule: recheck-reach-as-declared
        return f"its history has reach {opening.reach!r}, and the door has {door.reach!r}"
    # rule: recheck-control-as-declared
    if opening.control and not opening.control.startswith(f"{opening.scenario}--{door.control}--"):
        return f"its history names the control {opening.control!r}, and the door's is {door.control!r}"
    scenario = load_scenarios().get(str(opening.scenario))
    read = [one.deployment for one in of_kind(events, DeploymentRead) if (one.side, one.when) == ("treated", "before")]
    for opened in of_kind(events, DoorOpens) if read else ():
        right = door.proof.of(read[-1].id, read[-1].work_pool_name or "")
        said = _plain(opened.proof) if isinstance(opened.proof, Proof) else {}
        if scenario and right.by != NOTHING:
            right = replace(right, asks=[*right.asks, *scenario.asks])
        told = _plain(right)
        for name in ("by", "requests", "effects", "deeds", *(["asks"] if scenario else [])):
            if said.get(name) != told[name]:  # rule: recheck-proof-as-declared
                return f"the proof of its door has {name} {said.get(name)!r}, and the door declares {told[name]!r}"
    return ""


def _plain(proof: Proof) -> Mapping[str, Any]:
    """A proof as a history's line has it, whether an empty list of it was written or left out."""
    return {name: list(of) if isinstance(of, tuple) else of for name, of in proof.as_json().items()}
