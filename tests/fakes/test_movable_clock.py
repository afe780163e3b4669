"""Labs whose clock is moved, on a fake Prefect: what is recorded, what it waits for, and what does not follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.evidence.diagram import diagram
from harness.evidence.drawing import timeline
from harness.evidence.story import tell
from harness.history import of_kind, read_history
from harness.trials import phases
from harness.trials import scenario as scenario_room
from harness.trials.moving import move_clock
from harness.trials.scenario import load_scenarios
from harness.trials.staging import Staging
from harness.verdict.outcomes import judge
from harness.words.events import ClockMoved
from harness.words.names import REAL, WARP
from tests.fakes.fake_lab import FakeLab, counts, judged, ticks_of, verdict
from tests.unit.test_open_rooms import example

OUTAGE, LIMIT = "worker-outage", "concurrency-limit"
KEPT = counts(at_risk=3, kept=3)
NIGHT = timedelta(hours=12)


@pytest.fixture
def warped(lab: FakeLab) -> FakeLab:
    lab.lives_on = WARP
    return lab


Adding = Callable[[str, Callable[[Staging], None]], None]


@pytest.fixture
def adding(monkeypatch: pytest.MonkeyPatch) -> Adding:
    """Adds a step to the phases, behind the one that is named."""

    def add(behind: str, step: Callable[[Staging], None]) -> None:
        changed = [(name, [*steps, step] if name == behind else steps) for name, steps in phases.PHASES]
        monkeypatch.setattr(phases, "PHASES", changed)

    return add


def by_night(staging: Staging, **options: Any) -> None:
    move_clock(staging, staging.lab.clock.now() + NIGHT, **options)


def moves(lab: FakeLab, scenario: str = OUTAGE) -> list[ClockMoved]:
    return of_kind(read_history(lab.plan.trial_folder(lab.cell(scenario)) / "history.jsonl"), ClockMoved)


def test_a_trial_on_a_movable_clock_comes_to_what_one_on_the_real_clock_does(warped: FakeLab, scenario: str) -> None:
    entry = warped.trial(scenario)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    assert ticks_of(entry).outcome == "whole"
    assert entry.clock == WARP
    assert warped.history(scenario)[0]["clock"] == WARP
    (first,) = moves(warped, scenario)  # each such lab shows first that all of it follows
    assert (first.move.seconds, first.calm) == (3600, None)
    assert [reading.part for reading in first.move.after] == ["server", "deployer"]


def test_a_lab_on_this_hosts_clock_is_never_moved(lab: FakeLab) -> None:
    entry = lab.trial(OUTAGE)
    assert (entry.outcome, entry.clock, moves(lab)) == ("survived", REAL, [])


@pytest.mark.rule("seconds-without-moves", "What the clock was moved by is no time that a trial took.")
@pytest.mark.rule("timeline-without-moves", "A move of the lab's clock takes no time in a timeline.")
@pytest.mark.rule("clock-recorded-moves", "A step of the server's clock that the history records is none.")
def test_a_night_that_is_jumped_over_between_staging_and_door_changes_no_verdict(
    warped: FakeLab, adding: Adding
) -> None:
    adding("prove", by_night)
    entry = warped.trial(OUTAGE)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    assert entry.seconds is not None
    assert 0 < entry.seconds < 300
    night = moves(warped)[-1]
    assert (night.move.seconds, night.calm) == (NIGHT.total_seconds(), True)
    assert [reading.part for reading in night.move.after] == ["server", "deployer"]  # the worker is dead
    events = read_history(warped.plan.trial_folder(warped.cell(OUTAGE)) / "history.jsonl")
    story = tell(events, judge(events))
    assert story
    assert story.end - story.start < timedelta(minutes=5)
    assert [move.name for move in story.moves] == ["12 h ahead"]
    assert "12 h ahead" in timeline(story, "a night")
    assert "clock 12 h ahead" in diagram(story)


@pytest.mark.parametrize("who", ["server", "deployer"])
def test_a_part_that_does_not_follow_is_an_error_that_says_what_it_showed(warped: FakeLab, who: str) -> None:
    warped.site.stays_behind.add(who)
    entry = warped.trial(OUTAGE)
    assert entry.outcome == "error"
    assert f"{who} shows 2030-01-01T00:" in entry.reason
    assert "the lab's time is 2030-01-01T01:" in entry.reason


def test_a_worker_that_does_not_follow_is_an_error(warped: FakeLab) -> None:
    warped.site.stays_behind.add(f"worker-{OUTAGE}")
    entry = warped.trial(OUTAGE)
    assert entry.outcome == "error"
    assert f"worker-{OUTAGE} shows" in entry.reason


@pytest.mark.rule("calm-nothing-under-way", "The clock is moved only when no run is Pending or Running.")
def test_the_clock_is_not_moved_while_a_run_is_under_way(warped: FakeLab, adding: Adding) -> None:
    adding("prove", by_night)
    entry = warped.trial(LIMIT)  # one run a side holds the slot
    assert entry.outcome == "error"
    assert "2 runs are Pending or Running" in entry.reason
    assert len(moves(warped, LIMIT)) == 1


def test_the_clock_is_moved_while_a_run_is_under_way_if_the_trial_is_about_that(
    warped: FakeLab, adding: Adding
) -> None:
    adding("prove", lambda staging: by_night(staging, calm=False))
    entry = warped.trial(LIMIT)
    assert entry.outcome == "survived", entry.reason
    assert [event.calm for event in moves(warped, LIMIT)] == [None, False]


@pytest.mark.rule("calm-coming-runs-are-there", "The clock is moved only past ticks that have their run.")
def test_the_clock_is_not_moved_past_a_tick_that_has_no_run_yet(warped: FakeLab, adding: Adding) -> None:
    def past_another(staging: Staging) -> None:
        tick = staging.lab.clock.now() + timedelta(hours=1)
        staging.due = [tick, tick + 2 * NIGHT]
        by_night(staging)

    adding("prove", past_another)
    entry = warped.trial(OUTAGE)
    assert entry.outcome == "error"
    assert "has no run yet for 1 of 1 ticks" in entry.reason


def test_a_scenario_that_shares_its_lab_does_not_move_the_clock(warped: FakeLab, adding: Adding) -> None:
    adding("prove", by_night)
    entries = warped.trials(OUTAGE, LIMIT)
    assert {entry.outcome for entry in entries} == {"error"}
    assert "has to be alone in its lab" in entries[0].reason


def test_the_clock_of_this_host_is_never_moved(lab: FakeLab, adding: Adding) -> None:
    adding("prove", by_night)
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "error"
    assert "the clock of this lab is this host's" in entry.reason


def test_the_clock_is_not_moved_back(warped: FakeLab, adding: Adding) -> None:
    adding("prove", lambda staging: move_clock(staging, staging.lab.clock.now() - NIGHT))
    entry = warped.trial(OUTAGE)
    assert entry.outcome == "error"
    assert "only moved ahead" in entry.reason


@pytest.mark.rule(
    "calm-schedule-goes-on", "The clock is moved only past what the scheduler has made of a schedule without an end."
)
def test_the_clock_is_not_moved_past_what_the_scheduler_has_made_of_a_schedule_that_goes_on(
    warped: FakeLab, adding: Adding
) -> None:
    def past_all(staging: Staging) -> None:
        staging.goes_on = True
        by_night(staging)

    adding("prove", past_all)
    entry = warped.trial(OUTAGE)
    assert entry.outcome == "error"
    assert "the last of 3 runs of worker-outage--" in entry.reason


@pytest.mark.rule("drain-of-the-backlog", "The drain does not wait for the coming runs of a schedule without an end.")
def test_a_schedule_that_goes_on_is_drained_of_what_was_due_and_nothing_else(warped: FakeLab, adding: Adding) -> None:
    def goes_on(staging: Staging) -> None:
        staging.goes_on = True
        for deployment in staging.deployed.values():
            of = warped.prefect.deployments[deployment]
            warped.prefect.add_run(of, staging.lab.clock.now() + 2 * NIGHT, auto_scheduled=True)
        by_night(staging)

    adding("stage", goes_on)
    entry = warped.trial(OUTAGE)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    (drained,) = [line for line in warped.history(OUTAGE) if line["kind"] == "drained"]
    assert drained["ended"] == "every run that is there has ended"
    listed = [line for line in warped.history(OUTAGE) if line["kind"] == "listing"]
    assert [len(listing["runs"]) for listing in listed] == [6, 6, 6]


@pytest.fixture
def eight_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The scenario that the how-to page has written, by its name."""
    (folder := tmp_path / "more" / "eight-hours").mkdir(parents=True)
    (folder / "scenario.py").write_text(example("move-the-clock.md", "python"), encoding="utf-8")
    monkeypatch.setattr(scenario_room, "PLACES", [*scenario_room.PLACES, folder.parent])
    load_scenarios.cache_clear()
    yield folder.name
    load_scenarios.cache_clear()


def test_a_scenario_that_moves_the_clock_is_one_file_and_nobody_has_to_ask_for_such_a_clock(
    lab: FakeLab, eight_hours: str
) -> None:
    entry = lab.trial(eight_hours)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    assert (entry.clock, ticks_of(entry).outcome) == (WARP, "whole")
    late = moves(lab, eight_hours)[-1]
    assert timedelta(hours=8) < timedelta(seconds=late.move.seconds) < timedelta(hours=8, minutes=3)
    report = (lab.plan.folder / entry.folder / "report.md").read_text(encoding="utf-8")
    assert "- Clock: one of the lab's own that can be moved" in report
    assert f"to {late.move.now[:19]} (UTC), which each part confirmed" in report
