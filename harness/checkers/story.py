"""Whether the events of a history are whole, and follow each other as one trial writes them.

A history that was cut short is still one story, up to where it was cut. Any other was not written by one trial.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.checkers._check import Check
from harness.history import looks_agree, moment, of_kind, opening_of
from harness.words.events import (
    HISTORY_SCHEMA,
    BystandersSeen,
    ClockMoved,
    DeploymentRead,
    DoorClosed,
    DoorOpens,
    EffectSeen,
    Event,
    Executions,
    Listing,
    Look,
    Opening,
    Unreadable,
)
from harness.words.facts import Values
from harness.words.names import AFTER, BEFORE, DRAINED, REAL, SERVER, WARP
from harness.words.outcomes import ERROR
from harness.words.proof import REDEPLOY, REQUEST, Proof

# What marks how far a trial has come, in order; a mark may come again only after itself.
_MARKS = (
    ("trial", None), ("listing", BEFORE), ("executions", BEFORE), ("door-opens", None), ("door", None), ("look", AFTER),
    ("lifted", None), ("drained", None), ("look", DRAINED), ("executions", DRAINED),
)  # fmt: skip
_ONCE = {"trial", "door-opens", "door", "effect", "lifted", "drained", "executions", "bystanders"}
_READ_ONCE = {"before", "after", "drained"}  # when a deployment is read that a door may have changed
_PROOF_AS_DATA = 6  # the schema from which on the proof of a door is written down before it is opened
_FROM_THE_DOOR = 3  # the schema from which on a door says whether its effect is to be seen
# The schema from which on there is such an event.
_SINCE = {"executions": 4, "bystanders": 4, "unlisted": 4, "changed": 5, "part": 7, "clock-moved": 7}
_PART_OF_A_LAB = 7  # the schema from which on doors reach a server, and clocks can be moved
_OF_ALL = {"server", "upgrade", "database"}  # what treated and twin share
_WITH_CHANGES = 5  # the schema from which on a door says which runs of others it left changed


def check(events: Sequence[Event]) -> Check:
    """`error`, naming the line, where a history is not one story."""
    opening = opening_of(events)
    if opening is None or opening.schema > HISTORY_SCHEMA:  # ended.py says that it cannot be read
        return Check()
    problems = check_story(events)
    return Check(outcome=ERROR, reason=f"the history is not one story: {problems[0]}") if problems else Check()


def check_story(events: Sequence[Event]) -> list[str]:
    """What is wrong with a history, each in one sentence that names the line; empty where nothing is."""
    return list(_problems(events))


def _problems(events: Sequence[Event]) -> Iterator[str]:
    opening = events[0] if events else None
    if not isinstance(opening, Opening) or not 1 <= opening.schema <= HISTORY_SCHEMA:
        yield "line 1 is not the opening of a trial"
        return
    schema = opening.schema
    for number, event in enumerate(events, start=1):
        yield from (f"line {number}: {said}" for said in _unwhole(event))
        if _SINCE.get(event.kind, 1) > schema:  # rule: story-schema
            yield f"line {number}: {event.kind} in a history of schema {schema}"
    yield from _out_of_order(events)
    yield from _marks(events)
    if opening.minimum < 1:  # rule: story-minimum
        yield f"line 1: a minimum of {opening.minimum}"
    opened, closed = of_kind(events, DoorOpens), of_kind(events, DoorClosed)
    doors = {opening.door, *(event.door for event in opened), *(event.door for event in closed)} - {None}
    nonces = {*(event.nonce for event in opened), *(event.nonce for event in closed)}
    for key, said in (("door", doors), ("nonce", nonces)):
        if len(said) > 1:  # rule: story-one-nonce
            yield f"it speaks of more than one {key}: {', '.join(sorted(map(str, said)))}"
    yield from _proof(events, schema)
    yield from _planned_alike(opening, events)
    yield from _moves(opening, events)
    if schema >= _WITH_CHANGES and any(event.changed is None for event in of_kind(events, BystandersSeen)):
        yield "the door says what it took of others, and not what it changed"


def _proof(events: Sequence[Event], schema: int) -> Iterator[str]:
    """What is wrong with how the door was to be proven: as data, or before schema 6 as parts of its own event."""
    opened, doors = of_kind(events, DoorOpens), of_kind(events, DoorClosed)
    if schema >= _PROOF_AS_DATA:
        for event in opened:
            problem = event.proof.problem if isinstance(event.proof, Proof) else "there is no record of it"
            if problem:  # rule: story-proof
                yield f"the proof of {event.door} is none: {problem}"
        if doors and not opened:  # rule: story-opened-was-announced
            yield "a door was opened, and nothing says how it was to be proven"
        return
    for door in doors:
        if door.proof in (REQUEST, REDEPLOY) and not door.requests:  # rule: story-requests
            yield f"{door.door} is to be proven by requests, and names none"
    shows = any(event.shows for event in opened)
    # rule: story-effect
    if schema >= _FROM_THE_DOOR and shows and of_kind(events, Look) and not of_kind(events, EffectSeen):
        yield "the door was to show its effect, and nothing says whether it did"


def _marks(events: Sequence[Event]) -> Iterator[str]:
    """What marks cannot be: the same twice at one time, or there before the door and not after the drain."""
    read: dict[str, dict[tuple[str, int, str], Values | None]] = {}
    opening = opening_of(events)
    for event in of_kind(events, Executions):
        keys = [one.key for one in event.executions]
        if len(keys) != len(set(keys)):  # rule: story-marks-once
            yield f"an execution is marked twice {event.when}"
        # rule: story-marks-of-a-flow
        if not (opening and opening.stand_in) and any(one.parameters is None for one in event.executions):
            yield f"an execution is marked without what its flow received, {event.when}"
        read[event.when] = {one.key: one.parameters for one in event.executions}
    before, after = read.get(BEFORE, {}), read.get(DRAINED)
    if after is not None and not before.items() <= after.items():  # rule: story-marks-stay
        yield f"executions that were marked {BEFORE} are not {DRAINED}"


def _unwhole(event: Event) -> Iterator[str]:
    """What an event lacks of its kind."""
    if isinstance(event, Unreadable):  # rule: story-whole-events
        yield event.problem
    times = {"at": event.at, "answered_at": event.answered_at if isinstance(event, DoorClosed) else None}
    for name, time in times.items():
        try:
            if time:
                moment(time)
        except ValueError:
            yield f"{event.kind} whose {name!r} is no time: {time!r}"


def _out_of_order(events: Sequence[Event]) -> Iterator[str]:
    """What comes before what it has to follow, or more often than it can."""
    reached = -1
    there: set[tuple[str, str | None]] = set()
    rounds: dict[str, list[list[Event]]] = {AFTER: [], DRAINED: []}
    for number, event in enumerate(events, start=1):
        kind, when = event.kind, event.when if isinstance(event, Look | Listing | Executions) else None
        mark = next((place for place, (of, at) in enumerate(_MARKS) if of == kind and at in (None, when)), None)
        which: tuple[str, str | None] = (kind, when if kind == "executions" else None)
        if isinstance(event, DeploymentRead) and event.when in _READ_ONCE:  # rule: story-deployments-once
            which = (f"reading of the {event.side} deployment", event.when)
        if (kind in _ONCE or which[0] != kind) and which in there:  # rule: story-once
            yield f"line {number}: {_words(*which)} a second time"
        there.add(which)
        if mark is not None:
            if mark < reached:  # rule: story-order
                yield f"line {number}: {_words(kind, when)} after {_words(*_MARKS[reached])}"
            reached = max(reached, mark)
        if isinstance(event, Look) and event.when in rounds:
            if rounds[event.when] and _in_order(rounds[event.when][-1]):  # rule: story-looks-again
                yield f"line {number}: a look {when} again, though the one before was in order"
            rounds[event.when].append([event])
        if isinstance(event, Listing) and rounds.get(event.when):
            rounds[event.when][-1].append(event)


def _planned_alike(opening: Opening, events: Sequence[Event]) -> Iterator[str]:
    """What the opening says of the door's reach and of the clock is so in the plan, and in the proof."""
    if opening.schema < _PART_OF_A_LAB and (opening.reach or opening.clock != REAL):  # rule: story-reach-schema
        yield f"line 1: reach {opening.reach!r} and clock {opening.clock!r} in a history of schema {opening.schema}"
    cell = opening.cell if isinstance(opening.cell, dict) else {}
    for key, usual in (("reach", ""), ("control", ""), ("clock", REAL)):
        if cell and cell.get(key, usual) != getattr(opening, key):  # rule: story-opening-as-planned
            yield f"line 1: its {key} is {getattr(opening, key)!r}, and was planned as {cell.get(key, usual)!r}"
    proofs = [event.proof for event in of_kind(events, DoorOpens) if isinstance(event.proof, Proof)]
    reaches = any(deed.of in _OF_ALL for proof in proofs for deed in proof.deeds)
    if opening.reach == SERVER and opening.control and proofs and not reaches:  # rule: story-reach-by-deeds
        yield "its door is to reach the server, and does nothing to it"


def _moves(opening: Opening, events: Sequence[Event]) -> Iterator[str]:
    """A move of the clock is one that the lab could make, as its own readings bear out, while no door was open."""
    door_is_open = False
    for number, event in enumerate(events, start=1):
        door_is_open = isinstance(event, DoorOpens) or (door_is_open and not isinstance(event, DoorClosed))
        if not isinstance(event, ClockMoved):
            continue
        move = event.move
        ahead = (moment(move.now) - moment(move.was)).total_seconds()
        # rule: story-moves-of-a-movable-clock (without last)
        if opening.clock != WARP or move.seconds < 1:
            yield f"line {number}: the clock is moved by {move.seconds} s, in a lab whose clock is {opening.clock}"
        if abs(ahead - move.seconds) > 1:  # rule: story-moves-add-up
            yield f"line {number}: the clock is moved by {move.seconds} s, from {move.was} to {move.now}"
        if move.before.part not in {of.part for of in move.after}:  # rule: story-moves-are-read
            yield f"line {number}: the clock is moved, and not read from the {move.before.part} then"
        if door_is_open:  # rule: story-no-move-at-the-door
            yield f"line {number}: the clock is moved while the door is open"


def _in_order(look: Sequence[Event]) -> bool:
    """Whether a look and its listing, if that came, name the same runs."""
    match look:
        case [Look() as looked, Listing() as listing, *_]:
            return looks_agree([(one.run, one.status) for one in looked.answers], {run.run for run in listing.runs})
    return False


def _words(kind: str, when: str | None) -> str:
    return f"the {kind} {when}" if when else f"the {kind}"
