"""Whether a history is one story: each event known and whole, as often as it can be, after what it has to follow.

What was cut short is still one, up to where it was cut. Anything else was not written by a trial, or not by one alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.checkers.executions import execution_key
from harness.history import SCHEMA, Event, looks_agree, moment, of_kind
from harness.words.names import AFTER, ANSWERED, BEFORE, DRAINED, SIDES
from harness.words.proof import NONCE, REDEPLOY, REQUEST, problem_of

# Of each kind, what it has to hold, and of what type.
_KINDS: dict[str, dict[str, Any]] = {
    "trial": {"state": str, "minimum": int},
    "version": {"role": str, "said": str},
    "prefect-version": {},
    "phase": {"phase": str},
    "command": {},
    "steady-state": {},
    "act": {"what": str},
    "fault": {},
    "lifted": {},
    "bystanders": {"watched": int, "unlisted": list, "control": list},
    "unlisted": {"run": str, "door": str, "scenario": str, "answers": list},
    "changed": {"run": str, "door": str, "scenario": str, "was": dict, "now": dict},
    "listing": {"when": str, "runs": list},
    "clock": {"when": str, "server": str, "asked": int | float, "answered": int | float},
    "effect": {"shown": bool},
    "deployment": {"side": str, "deployment": dict},
    "door-opens": {"door": str, "nonce": str},
    "door": {"door": str, "nonce": str},
    "look": {"when": str, "answers": list},
    "states": {"when": str, "run": str, "states": list},
    "executions": {"when": str, "executions": list},
    "drained": {"ended": str},
    "worker-restarted": {},
    "not-forked": {},
    "note": {"text": str},
    "error": {"phase": str, "reason": str},
}
# What marks how far a trial has come, in order; a mark may come again only after itself.
_MARKS = (
    ("trial", None), ("listing", BEFORE), ("executions", BEFORE), ("door-opens", None), ("door", None), ("look", AFTER),
    ("lifted", None), ("drained", None), ("look", DRAINED), ("executions", DRAINED),
)  # fmt: skip
_ONCE = {"trial", "door-opens", "door", "effect", "lifted", "drained", "executions", "bystanders"}
_TIMED = {"look", "listing", "clock", "states", "executions"}
_PROOF_AS_DATA = 6  # the schema from which on the proof of a door is written down before it is opened
_FROM_THE_DOOR = 3  # the schema from which on a door says whether its effect is to be seen
_SINCE = {"executions": 4, "bystanders": 4, "unlisted": 4, "changed": 5}  # the schema from which on there is such one
_WITH_CHANGES = 5  # the schema from which on a door says which runs of others it left changed


def check_story(events: Sequence[Event]) -> list[str]:
    """What is wrong with a history, each in one sentence that names the line; empty where nothing is."""
    return list(_problems(events))


def _problems(events: Sequence[Event]) -> Iterator[str]:
    opening = events[0] if events else {}
    schema = opening.get("schema", 1)
    if opening.get("kind") != "trial" or type(schema) is not int or not 1 <= schema <= SCHEMA:
        yield "line 1 is not the opening of a trial"
        return
    for number, event in enumerate(events, start=1):
        yield from (f"line {number}: {said}" for said in _unwhole(event))
        if _SINCE.get(str(event.get("kind")), 1) > schema:
            yield f"line {number}: {event['kind']} in a history of schema {schema}"
    yield from _out_of_order(events)
    yield from _marks(events)
    if isinstance(opening.get("minimum"), int) and opening["minimum"] < 1:
        yield f"line 1: a minimum of {opening['minimum']}"
    doors = [event for kind in ("door-opens", "door", "effect") for event in of_kind(events, kind)]
    for key in ("door", "nonce"):
        said = {event[key] for event in doors if key in event} | ({opening.get("door")} if key == "door" else set())
        if len(said - {None}) > 1:
            yield f"it speaks of more than one {key}: {', '.join(sorted(map(str, said - {None})))}"
    yield from _proof(events, schema)
    if schema >= _WITH_CHANGES and any("changed" not in event for event in of_kind(events, "bystanders")):
        yield "the door says what it took of others, and not what it changed"


def _proof(events: Sequence[Event], schema: int) -> Iterator[str]:
    """What is wrong with how the door was to be proven: as data, or before schema 6 as parts of its own event."""
    opened, doors = of_kind(events, "door-opens"), of_kind(events, "door")
    if schema >= _PROOF_AS_DATA:
        for event in opened:
            if problem := problem_of(event.get("proof")):
                yield f"the proof of {event.get('door')} is none: {problem}"
        if doors and not opened:
            yield "a door was opened, and nothing says how it was to be proven"
        return
    for door in doors:
        if door.get("proof", NONCE) in (REQUEST, REDEPLOY) and not door.get("requests"):
            yield f"{door['door']} is to be proven by requests, and names none"
    shows = any(event.get("shows") for event in opened)
    if schema >= _FROM_THE_DOOR and shows and of_kind(events, "look") and not of_kind(events, "effect"):
        yield "the door was to show its effect, and nothing says whether it did"


def _marks(events: Sequence[Event]) -> Iterator[str]:
    """What marks cannot be: the same twice at one time, or there before the door and not after the drain."""
    read = {}
    for event in of_kind(events, "executions"):
        keys = list(map(execution_key, event["executions"]))
        if len(keys) != len(set(keys)):
            yield f"an execution is marked twice {event['when']}"
        read[event["when"]] = {key: one["parameters"] for key, one in zip(keys, event["executions"], strict=True)}
    before, after = read.get(BEFORE, {}), read.get(DRAINED)
    if after is not None and not before.items() <= after.items():
        yield f"executions that were marked {BEFORE} are not {DRAINED}"


def _unwhole(event: Event) -> Iterator[str]:
    """What an event lacks of its kind."""
    kind = event.get("kind")
    if kind not in _KINDS:
        yield f"no kind of event: {kind!r}"
        return
    for name, type_ in _KINDS[kind].items():
        if not isinstance(event.get(name), type_):
            yield f"{kind} without its {name}"
    for name in ("at", "answered_at"):
        try:
            if event.get(name):
                moment(event[name])
        except (TypeError, ValueError):
            yield f"{kind} whose {name!r} is no time: {event[name]!r}"
    if kind in _TIMED and event.get("when") not in (BEFORE, ANSWERED, AFTER, DRAINED):
        yield f"{kind} at no time of a trial: {event.get('when')!r}"
    if kind == "deployment" and event.get("side") not in SIDES:
        yield f"a deployment of no side: {event.get('side')!r}"


def _out_of_order(events: Sequence[Event]) -> Iterator[str]:
    """What comes before what it has to follow, or more often than it can."""
    reached = -1
    there: set[tuple[str, str | None]] = set()
    rounds: dict[str, list[list[Event]]] = {AFTER: [], DRAINED: []}
    for number, event in enumerate(events, start=1):
        kind, when = str(event.get("kind")), event.get("when")
        mark = next((place for place, (of, at) in enumerate(_MARKS) if of == kind and at in (None, when)), None)
        which = (kind, when if kind == "executions" else None)
        if kind in _ONCE and which in there:
            yield f"line {number}: {_words(*which)} a second time"
        there.add(which)
        if mark is not None:
            if mark < reached:
                yield f"line {number}: {_words(kind, when)} after {_words(*_MARKS[reached])}"
            reached = max(reached, mark)
        if kind == "look" and when in rounds:
            if rounds[when] and _in_order(rounds[when][-1]):
                yield f"line {number}: a look {when} again, though the one before was in order"
            rounds[when].append([event])
        if kind == "listing" and when in rounds and rounds[when]:
            rounds[when][-1].append(event)


def _in_order(look: Sequence[Event]) -> bool:
    """Whether a look and its listing, if that came, name the same runs."""
    return len(look) > 1 and looks_agree(look[0]["answers"], look[1]["runs"])


def _words(kind: str, when: str | None) -> str:
    return f"the {kind} {when}" if when else f"the {kind}"
