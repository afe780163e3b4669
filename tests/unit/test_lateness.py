"""The promise that an update delays no runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest

from tests.unit.plain import Line, ask
from tests.unit.promised import DRAINED, outcome, reason, trial

FIRST = datetime(2030, 1, 1, tzinfo=timezone.utc)


def after(treated: Sequence[int | None], twin: Sequence[int | None]) -> list[Line]:
    """A trial whose runs of three ticks a side began so many seconds after their time; None: no word of that."""
    lines = trial()
    late = {f"{side}-run-{number}": (number, seconds) for side, of_side in (("treated", treated), ("twin", twin))
            for number, seconds in enumerate(of_side)}  # fmt: skip
    for line in (one for one in lines if one["kind"] == "listing" and one["when"] == DRAINED):
        for run in line["runs"]:
            number, seconds = late.get(run["run"], (9, None))
            run["expected_start_time"] = f"2030-01-01T00:00:0{number}Z"
            run["start_time"] = None if seconds is None else (FIRST + timedelta(seconds=number + seconds)).isoformat()
    return lines


@pytest.mark.rule(
    "lateness-more-than-a-minute", "Runs that begin more than a minute later than the twin's are delayed."
)
def test_runs_that_begin_minutes_later_than_the_twins_break_it() -> None:
    assert outcome("lateness", after([250, 248, 245], [4, 0, 8])) == "broken"
    assert reason("lateness", after([250, 248, 245], [4, 0, 8])) == (
        "the treated deployment's runs began 245 to 250 s after their time, and the twin's of the same 3 ticks 0 to 8 s"
    )
    assert outcome("lateness", after([62, 62, 62], [1, 1, 1])) == "broken"
    assert outcome("lateness", after([61, 61, 61], [1, 1, 1])) == "held"


def test_what_both_sides_waited_for_and_what_the_twin_waited_for_is_no_delay() -> None:
    assert outcome("lateness", after([900, 901, 902], [890, 890, 899])) == "held"
    assert outcome("lateness", after([1, 1, 1], [300, 300, 300])) == "held"


def test_a_run_that_alone_is_slow_to_begin_is_no_delay_of_all() -> None:
    said = ask("lateness", after([1, 400, 2], [1, 1, 1]))
    assert said and (said.outcome, said.reason) == (
        "held",
        "the treated deployment's runs began 1 to 400 s after their time, and the twin's of the same 3 ticks 1 to 1 s",
    )


@pytest.mark.rule("lateness-of-several", "Of a single tick, nothing is said.")
@pytest.mark.rule("lateness-tick-by-tick", "Compared are the runs of ticks that have one run on each side.")
def test_ticks_that_one_side_alone_ran_are_not_compared() -> None:
    assert outcome("lateness", after([250, None, None], [0, 0, 0])) == "nothing"
    assert outcome("lateness", after([250, 250, None], [0, 0, 0])) == "broken"


@pytest.mark.rule("lateness-of-what-was-executed", "A run that no flow has marked began at no time.")
def test_a_run_that_was_not_executed_began_at_no_time() -> None:
    lines = after([250, 250, 250], [0, 0, 0])
    for line in lines:
        if line["kind"] == "executions":
            line["executions"] = [
                one for one in line["executions"] if one["run"] not in ("treated-run-0", "twin-run-1")
            ]
    assert outcome("lateness", lines) == "nothing"


@pytest.mark.rule("lateness-beside-the-twin", "Nothing is said where the door hit the twin as well.")
def test_of_a_door_that_hit_the_twin_as_well_nothing_is_said() -> None:
    opening, *rest = after([250, 250, 250], [0, 0, 0])
    assert outcome("lateness", [{**opening, "reach": "server"}, *rest]) == "nothing"


@pytest.mark.rule("lateness-of-a-limit", "Nothing is said of a deployment whose runs wait for each other.")
def test_of_a_deployment_with_a_limit_nothing_is_said() -> None:
    lines = after([250, 250, 250], [0, 0, 0])
    assert outcome("lateness", lines) == "broken"
    for line in lines:
        if line["kind"] == "deployment" and line["side"] == "treated":
            line["deployment"] = {**line["deployment"], "limit": 1}
    assert outcome("lateness", lines) == "nothing"


@pytest.mark.rule("lateness-through-no-move", "A run that waited through a move of the clock was not delayed.")
def test_a_run_that_waited_through_a_move_of_the_clock_is_not_compared() -> None:
    lines = after([400, 400, 3], [2, 1, 1])
    assert outcome("lateness", lines) == "broken"
    reading = {"part": "server", "shows": "2030-01-01T00:00:05Z", "asked": 1.0, "answered": 1.1}
    was, now = "2030-01-01T00:00:05Z", "2030-01-01T00:05:05Z"
    move = {"was": was, "now": now, "seconds": 300, "asked": 1.0, "before": reading, "after": []}
    at = next(number for number, line in enumerate(lines) if line["kind"] == "door-opens")
    moved = {"kind": "clock-moved", "at": lines[at]["at"], "move": move}
    assert outcome("lateness", [*lines[:at], moved, *lines[at:]]) == "nothing"


@pytest.mark.rule("lateness-held-up-by-the-door", "Nothing is said where the door stopped what executes the runs.")
@pytest.mark.parametrize("kind", ["part", "clock-moved"])
def test_where_the_door_stopped_a_worker_or_the_clock_was_moved_nothing_is_said(kind: str) -> None:
    lines = after([250, 250, 250], [0, 0, 0])
    assert outcome("lateness", [*lines, EVENTS[kind]]) == "nothing"
    assert outcome("lateness", [lines[0], EVENTS[kind], *lines[1:]]) == "broken", "it was before the door"


_SEEN = {"state": "running", "pid": 7, "began": None, "exit_code": None, "networks": None}
_SHOWS = {"part": "server", "shows": "2030-01-01T00:00:00+00:00", "asked": 1.0, "answered": 1.0}
EVENTS: dict[str, Line] = {
    "part": {"at": "2030-01-01T00:00:50+00:00", "kind": "part", "what": "killed", "of": "worker", "node": "worker-1",
             "before": _SEEN, "after": _SEEN, "run": None, "runs": []},
    "clock-moved": {"at": "2030-01-01T00:00:50+00:00", "kind": "clock-moved", "calm": True, "move": {
        "was": "2030-01-01T00:00:00+00:00", "now": "2030-01-01T00:00:50+00:00", "seconds": 50, "asked": 1.0,
        "before": _SHOWS, "after": [_SHOWS]}},
}  # fmt: skip
