"""The clocks of a trial: which steps the checker finds, and what a movable clock is."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from harness.checkers.clock import check_clock
from harness.doors import load_doors
from harness.engines import movable_clock
from harness.evidence.frequency import grounds
from harness.history import event_of
from harness.runs.plan import plan_cell
from harness.trials.scenario import load_scenarios
from harness.words.clock import MovableClock
from harness.words.errors import UsageError
from harness.words.events import Event
from harness.words.names import REAL, WARP
from harness.words.plan import Cell
from tests.fakes.clock import Clock
from tests.unit.entries import trial

START = datetime(2030, 1, 1, tzinfo=timezone.utc)
HOUR = 3600.0


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def reading(shows: float, now: float, part: str = "server") -> dict[str, Any]:
    return {"part": part, "shows": at(shows), "asked": now, "answered": now + 0.1}


def read(shows: float, now: float) -> Event:
    """The server's clock, read `now` host seconds after the start."""
    return event_of({"kind": "clock", "when": "before the door", "server": at(shows), "asked": now, "answered": now})


def moved(by: float, now: float, ahead: float = 0.0, after: Sequence[dict[str, Any]] | None = None) -> Event:
    """A move of a clock that was `ahead`, `now` host seconds after the start; each part follows at once."""
    followed = [reading(now + ahead + by + 1, now + 1, part) for part in ("server", "deployer", "database")]
    move = {"was": at(now + ahead), "now": at(now + ahead + by), "seconds": int(by), "asked": now}
    before = reading(now + ahead, now)
    whole = {**move, "before": before, "after": followed if after is None else after}
    return event_of({"kind": "clock-moved", "move": whole})


def test_moves_that_the_history_records_are_no_steps() -> None:
    events = [
        moved(HOUR, 0),
        read(10 + HOUR, 10),
        moved(12 * HOUR, 20, HOUR),
        read(30 + 13 * HOUR, 30),
        read(40 + 13 * HOUR, 40),
    ]
    assert check_clock(events) == []


@pytest.mark.parametrize("step", [-HOUR, -5, 5, HOUR])
def test_a_step_that_the_history_does_not_record_is_found_beside_moves_that_it_does(step: float) -> None:
    before = [moved(HOUR, 0), read(10 + HOUR + step, 10), moved(HOUR, 20, HOUR + step), read(30 + 2 * HOUR + step, 30)]
    between = [read(0, 0), moved(HOUR, 10), read(20 + HOUR + step, 20)]
    after = [moved(HOUR, 0), read(10 + HOUR, 10), read(20 + HOUR + step, 20)]
    for events in (before, between, after):
        (problem, *_) = check_clock(events)
        assert f"the server's clock went {10 + step - (events is not after):+.0f} s" in problem or "went" in problem


def test_a_move_that_is_not_as_large_as_the_history_says_is_found() -> None:
    late = [reading(HOUR + 1, 1)]
    assert check_clock([moved(12 * HOUR, 0, after=late)])
    assert check_clock([moved(HOUR, 0, after=late)]) == []


@pytest.mark.rule("clock-all-parts-follow", "A part of the lab that did not follow a move forbids a verdict.")
@pytest.mark.parametrize("part", ["deployer", "database", "worker-worker-outage"])
def test_a_part_that_did_not_follow_a_move_is_found(part: str) -> None:
    followed = [reading(HOUR + 1, 1), reading(HOUR + 1, 1, part)]
    assert check_clock([moved(HOUR, 0, after=followed)]) == []
    for shows in (1.0, HOUR - 10, HOUR + 10):
        (problem,) = check_clock([moved(HOUR, 0, after=[followed[0], reading(shows, 1, part)])])
        assert f"that of {part} showed {at(shows)}" in problem


def test_a_movable_clock_is_moved_alone_and_its_seconds_are_as_they_were() -> None:
    base = Clock()
    clock = MovableClock(base)
    start, seconds = clock.now(), clock.monotonic()
    clock.ahead = timedelta(hours=12)
    clock.sleep(5)
    assert clock.now() - start == timedelta(hours=12, seconds=5)
    assert clock.monotonic() - seconds == 5
    assert base.now() - start == timedelta(seconds=5)


def test_the_file_of_a_clock_says_how_far_ahead_it_is_and_stays_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / movable_clock.FILE
    movable_clock.set_ahead(file, 0)
    assert struct.unpack("=q", file.read_bytes()) == (0,)
    inode = file.stat().st_ino
    for seconds in (43_800, -5, 0):
        movable_clock.set_ahead(file, seconds)
        assert struct.unpack("=q", file.read_bytes()) == (seconds,)
    assert file.stat().st_ino == inode, "those who have it mapped would not see another file"
    assert file.stat().st_mode & 0o444 == 0o444, "PostgreSQL runs as another account"


def cell(clock: str, declared: str = REAL) -> Cell:
    scenario = replace(load_scenarios()["worker-outage"], clock=declared)
    door = load_doors()["none"]
    return plan_cell(
        scenario, door, subject="3.9.1", version="3.9.1", as_of="", engine="processes", engine_detail="", clock=clock
    )


@pytest.mark.rule("scenario-moves-the-clock", "A scenario that moves the clock has a movable one, in its own lab.")
def test_a_scenario_that_moves_the_clock_has_a_lab_of_its_own_on_a_movable_one_whatever_is_asked() -> None:
    for clock in (REAL, WARP):
        planned = cell(clock, declared=WARP)
        assert (planned.clock, planned.lab) == (WARP, "3.9.1--processes-warp--worker-outage")
    assert (cell(REAL).clock, cell(REAL).lab) == (REAL, "3.9.1--processes")
    assert (cell(WARP).clock, cell(WARP).lab) == (WARP, "3.9.1--processes-warp")


def test_trials_on_different_clocks_have_folders_of_their_own() -> None:
    assert cell(REAL).name == "worker-outage--none--3.9.1--processes"
    assert cell(WARP).name == "worker-outage--none--3.9.1--processes-warp"


@pytest.mark.rule("repetition-same-clock", "Trials of a scenario on different clocks are no repetitions of each other.")
def test_trials_of_a_scenario_on_different_clocks_are_counted_apart() -> None:
    several = [trial(clock=REAL), trial(clock=WARP), trial(scenario="overnight-outage", clock=WARP)]
    assert grounds(several) == ["processes, sqlite, clock real", "processes, sqlite, clock warp", "processes, sqlite"]
    assert grounds([several[0], several[2]]) == ["", ""]


def test_a_clock_whose_library_the_loader_could_not_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spaced := tmp_path / "a folder").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(spaced))
    with pytest.raises(UsageError, match="TMPDIR") as refused:
        movable_clock.preload()
    assert str(refused.value).count("\n") <= 2


def test_a_clock_that_cannot_be_built_is_refused_with_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_RUN_SURVIVAL_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as refused:
        movable_clock.preload()
    said = str(refused.value)
    assert "No such file or directory: 'cc'" in said
    assert "apt-get install gcc libc6-dev" in said
    assert said.count("\n") <= 2
