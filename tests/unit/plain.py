"""The checkers over histories as plain JSON values: a test writes them so, and changes what it likes in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.checkers import _fates, _findings, door_proof, load_checkers, story, ticks
from harness.checkers._promise import weighed
from harness.history import event_of
from harness.verdict import outcomes
from harness.words.events import Event
from harness.words.promises import Promise

Line = dict[str, Any]


def read(lines: Iterable[Mapping[str, Any]]) -> list[Event]:
    """The events that these lines are."""
    return [event_of(line) for line in lines]


def judge(lines: Sequence[Line]) -> outcomes.Verdict:
    """The verdict of a history."""
    return outcomes.judge(read(lines))


def check_survival(lines: Sequence[Line], *, state: str) -> _findings.Findings:
    """The fates in a history."""
    return _fates.find_fates(read(lines), state=state)


@dataclass(frozen=True)
class Counted(ticks.Ticks):
    """The ticks of a history, whether they have a verdict or not, and that verdict."""

    outcome: str = ""
    reason: str = ""


def check_ticks(lines: Sequence[Line]) -> Counted:
    """The ticks of a history that holds nothing else of a trial; without an outcome where nothing is said of them."""
    seen = ticks.look(read(lines))
    if seen is None:
        return Counted()
    said = weighed(seen, has_control=True)
    counted = seen.found or ticks.Ticks()
    return Counted(counted.expected, counted.missing, counted.duplicate, said.outcome, said.reason)


def check_door(lines: Sequence[Line]) -> list[str]:
    """What is wrong with the door of a history."""
    return door_proof.check_door(read(lines))


def check_story(lines: Sequence[Line]) -> list[str]:
    """What is wrong with a history as a story."""
    return story.check_story(read(lines))


def promises(lines: Sequence[Line]) -> dict[str, Promise]:
    """What is said of each promise by the verdict of a history."""
    return judge(lines).promises


def ask(checker: str, lines: Sequence[Line]) -> Promise | None:
    """What one checker says of its promise, asked by itself."""
    return load_checkers()[checker].check(read(lines)).promise
