"""A history that is not one story has no verdict, whatever its looks say."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.plain import Line, check_story, judge
from tests.unit.stories import whole_history

WHOLE = ("completed",) * 3
LOST = ("lost", "completed", "completed")


def of(events: list[Line], kind: str, when: str | None = None) -> Line:
    """The event of that kind."""
    return next(event for event in events if event["kind"] == kind and when in (None, event.get("when")))


def reversed_(events: list[Line]) -> list[Line]:
    return events[::-1]


def shuffled(events: list[Line]) -> list[Line]:
    return random.Random(7).sample(events, len(events))


def looks_before_the_door(events: list[Line]) -> list[Line]:
    looks = [event for event in events if event["kind"] == "look"]
    others = [event for event in events if event["kind"] != "look"]
    place = others.index(of(events, "door-opens"))
    return [*others[:place], *looks, *others[place:]]


def two_doors(events: list[Line]) -> list[Line]:
    return [each for event in events for each in ([event, event] if event["kind"] == "door" else [event])]


def another_opening_in_front(events: list[Line]) -> list[Line]:
    return [{**events[0], "door": "none"}, *events]


def sound_looks_appended(events: list[Line]) -> list[Line]:
    sound = whole_history(WHOLE, WHOLE)
    start = sound.index(of(sound, "look", "after the drain"))
    return [*events, *sound[start:]]


def a_sound_look_in_between(events: list[Line]) -> list[Line]:
    sound = whole_history(WHOLE, WHOLE)
    start = events.index(of(events, "states", "after the door"))
    look = sound.index(of(sound, "look", "after the door"))
    return [*events[:start], *sound[look : look + 2], *events[start:]]


def without_requests(events: list[Line]) -> list[Line]:
    of(events, "door-opens")["proof"].update(by="request")
    return events


def without_a_proof(events: list[Line]) -> list[Line]:
    del of(events, "door-opens")["proof"]
    return events


def proven_by_another_thing(events: list[Line]) -> list[Line]:
    of(events, "door-opens")["proof"]["effects"] = [{"field": "paused", "how": "seems"}]
    return events


def without_an_opening(events: list[Line]) -> list[Line]:
    return [event for event in events if event["kind"] != "door-opens"]


def another_door_opened(events: list[Line]) -> list[Line]:
    of(events, "door")["door"] = "none"
    return events


def another_nonce_opened(events: list[Line]) -> list[Line]:
    of(events, "door-opens")["nonce"] = "another"
    return events


def of_an_older_schema(events: list[Line]) -> list[Line]:
    """As if it were from before flows left marks, one reading of which is taken out."""
    events[0]["schema"] = 3
    events.remove(of(events, "executions", "before the door"))
    return events


def a_mark_moved_before_the_door(events: list[Line]) -> list[Line]:
    before, after = (of(events, "executions", when) for when in ("before the door", "after the drain"))
    before["executions"].append(after["executions"].pop())
    return events


def a_mark_twice(events: list[Line]) -> list[Line]:
    marks = of(events, "executions", "after the drain")["executions"]
    marks.append(marks[-1])
    return events


def marks_lost(events: list[Line]) -> list[Line]:
    of(events, "executions", "after the drain")["executions"].clear()
    return events


def effect_dropped(events: list[Line]) -> list[Line]:
    """As a history of schema 3 had it."""
    older = [event for event in events if event["kind"] not in ("executions", "bystanders")]
    older[0]["schema"] = 3
    of(older, "door-opens").update(shows=True, proof="nonce")
    return older


def changed(which: str, **facts: Any) -> Callable[[list[Line]], list[Line]]:
    def change(events: list[Line]) -> list[Line]:
        of(events, which).update(facts)
        return events

    change.__name__ = f"{which} {facts}"
    return change


def test_a_sound_history_and_each_beginning_of_it_is_one_story() -> None:
    for treated in (WHOLE, LOST, ("found at the second try", "moved to a deployment", "recreated")):
        events = whole_history(treated, WHOLE)
        assert [check_story(events[:number]) for number in range(1, len(events) + 1)] == [[]] * len(events)


@pytest.mark.rule("story-deployments-once", "A deployment is read once before the door, once after it.")
@pytest.mark.parametrize("side", ["treated", "twin"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_second_reading_of_a_deployment_is_not_of_this_story(side: str, when: str) -> None:
    lines = whole_history(WHOLE, WHOLE)
    at = next(n for n, line in enumerate(lines) if (line.get("side"), line.get("when")) == (side, when))
    found = judge([*lines[: at + 1], lines[at], *lines[at + 1 :]])
    assert found.outcome == "error"
    assert f"the reading of the {side} deployment {when} a second time" in found.reason


@pytest.mark.rule("story-once", "What can happen once stands in a history once.")
@pytest.mark.rule("story-order", "No event stands before the one that it has to follow.")
@pytest.mark.rule("story-looks-again", "A look comes again only if the one before it was not in order.")
@pytest.mark.rule("story-one-nonce", "One history has one door and one nonce.")
@pytest.mark.rule("story-proof", "The proof that a door asked for is a valid one.")
@pytest.mark.rule("story-opened-was-announced", "A door that was opened had said before how it is proven.")
@pytest.mark.rule("story-effect", "An effect that the door must show is in the history.")
@pytest.mark.rule("story-whole-events", "Each event holds all its fields, of the right type.")
@pytest.mark.rule("story-marks-once", "No mark stands twice in a history.")
@pytest.mark.rule("story-marks-stay", "A mark that was read before is read again later.")
@pytest.mark.rule("story-schema", "No event is newer than the history's schema.")
@pytest.mark.parametrize("treated", [WHOLE, LOST])
@pytest.mark.parametrize(
    "forge",
    [
        reversed_, shuffled, looks_before_the_door, two_doors, another_opening_in_front, sound_looks_appended,
        a_sound_look_in_between, without_requests, without_a_proof, proven_by_another_thing, without_an_opening,
        of_an_older_schema, a_mark_moved_before_the_door, a_mark_twice, marks_lost,
        another_door_opened, another_nonce_opened, effect_dropped,
        changed("door", answered_at="x"), changed("trial", minimum=-5), changed("trial", minimum="three"),
        changed("trial", schema=-7), changed("trial", schema="3"), changed("trial", schema=True),
        changed("trial", door="none"),
        changed("look", when="some time"), changed("listing", runs=None), changed("listing", when=[]),
        changed("states", states={}), changed("deployment", side="another"), changed("drained", kind="dreamt"),
        changed("door-opens", nonce=None),
    ],
)  # fmt: skip
def test_a_history_that_is_not_one_story_is_an_error(
    forge: Callable[[list[Line]], list[Line]], treated: tuple[str, ...]
) -> None:
    found = judge(forge(whole_history(treated, WHOLE)))
    assert found.outcome == "error", found.reason


@pytest.mark.rule("story-requests", "Requests can prove a door only if the history names some.")
def test_a_door_of_an_older_history_that_requests_were_to_prove_names_some() -> None:
    events = whole_history(WHOLE, WHOLE)
    events[0]["schema"] = 5
    of(events, "door-opens")["proof"] = None
    of(events, "door").update(proof="request", requests=["PATCH /api/deployments/1"])
    assert check_story(events) == []
    of(events, "door")["requests"] = []
    assert check_story(events) == ["prefect-deploy is to be proven by requests, and names none"]


def test_the_line_is_named() -> None:
    events = two_doors(whole_history(WHOLE, WHOLE))
    number = 1 + max(number for number, event in enumerate(events) if event["kind"] == "door")
    assert judge(events).reason == f"the history is not one story: line {number}: the door a second time"


def test_a_look_may_come_again_where_the_listing_said_otherwise() -> None:
    events = whole_history(WHOLE, WHOLE)
    start = events.index(of(events, "look", "after the door"))
    look, listing = events[start : start + 2]
    differing = [look, {**listing, "runs": listing["runs"][1:]}]
    assert check_story([*events[:start], *differing, *events[start:]]) == []
    assert judge([*events[:start], *differing, *events[start:]]).outcome == "survived"


MOVE = {
    "was": "2030-01-01T00:00:00+00:00", "now": "2030-01-01T00:10:00+00:00", "seconds": 600, "asked": 1.0,
    "before": {"part": "server", "shows": "2030-01-01T00:00:00Z", "asked": 0.9, "answered": 1.0},
    "after": [{"part": "server", "shows": "2030-01-01T00:10:00Z", "asked": 1.0, "answered": 1.1}],
}  # fmt: skip


def with_a_move(*, before: str = "door-opens", clock: str = "warp", **changed: Any) -> list[str]:
    """What is said of a history in which the clock is moved before its event of this kind."""
    lines = whole_history(("completed",) * 3, ("completed",) * 3)
    lines[0]["clock"] = clock
    at = next(number for number, line in enumerate(lines) if line["kind"] == before)
    lines.insert(at, {"kind": "clock-moved", "at": lines[at]["at"], "move": {**MOVE, **changed}, "calm": True})
    return check_story(lines)


@pytest.mark.rule("story-moves-of-a-movable-clock", "Only a clock that can be moved was moved, and only ahead.")
@pytest.mark.rule("story-moves-add-up", "A move of the clock is as long as it says.")
@pytest.mark.rule("story-moves-are-read", "The server's clock is read after a move, too.")
@pytest.mark.rule("story-no-move-at-the-door", "While the door is open, the clock is not moved.")
def test_a_move_of_the_clock_is_one_that_the_lab_could_make() -> None:
    assert with_a_move() == []
    (of_the_host,) = with_a_move(clock="real")
    assert of_the_host.endswith("the clock is moved by 600 s, in a lab whose clock is real")
    (back,) = with_a_move(seconds=-600, now="2029-12-31T23:50:00+00:00")
    assert "moved by -600 s" in back
    (longer,) = with_a_move(seconds=700)
    assert "moved by 700 s, from 2030-01-01T00:00:00+00:00 to 2030-01-01T00:10:00+00:00" in longer
    (unread,) = with_a_move(after=[])
    assert unread.endswith("and not read from the server then")
    (at_the_door,) = with_a_move(before="door")
    assert at_the_door.endswith("the clock is moved while the door is open")


@pytest.mark.rule("story-opening-as-planned", "What the opening says of reach, control and clock is what was planned.")
@pytest.mark.rule("story-reach-schema", "Before schema 7 no door reached a server, and no clock was moved.")
@pytest.mark.rule("story-reach-by-deeds", "A door that is said to reach the server does something to it.")
def test_the_reach_of_a_door_is_as_it_was_planned_and_as_its_proof_has_it() -> None:
    def said(**opening: Any) -> list[str]:
        lines = whole_history(("completed",) * 3, ("completed",) * 3)
        lines[0] |= opening
        return check_story(lines)

    reached = {"reach": "server", "control": "another trial"}
    assert said(cell={"reach": "", "control": "", "clock": "real"}) == []
    assert said(**reached) == ["its door is to reach the server, and does nothing to it"]
    assert said(reach="server", cell={"control": ""}) == ["line 1: its reach is 'server', and was planned as ''"]
    assert said(clock="warp", cell={"scenario": "one"}) == ["line 1: its clock is 'warp', and was planned as 'real'"]
    assert "line 1: reach '' and clock 'warp' in a history of schema 6" in said(clock="warp", schema=6)
