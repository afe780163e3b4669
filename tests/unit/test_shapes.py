"""Which schedules a scenario can be staged with on the real clock, and what is said of the others."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from rich.console import Console

from harness.doors import load_doors
from harness.runs.ask import RunAsk
from harness.runs.plan import choose_trials, plan_cell, spread_over_labs
from harness.runs.run import run_matrix
from harness.runs.shapes import check_shapes, why_not
from harness.trials.scenario import load_scenarios
from harness.words.errors import UsageError
from harness.words.moments import seconds_from_tick
from harness.words.options import again
from harness.words.plan import Cell

SCENARIOS, DOORS = load_scenarios(), load_doors()
NOW = datetime(2026, 11, 27, 12, 1, 30, tzinfo=timezone.utc)
FINITE = "rrule DTSTART:first RRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=5 Europe/Paris"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_can_be_staged_with_its_own_schedules(scenario: str) -> None:
    assert why_not(SCENARIOS[scenario], (), "", NOW) == ""


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("worker-outage", ["interval 2s"]),
        ("worker-outage", ["cron * * * * *"]),
        ("worker-outage", ["cron * * * * * */2", "cron 0 3 * * * Europe/Paris"]),
        ("worker-outage", ["pinned", "cron 0 3 * * * inactive", "cron * * * * *"]),
        ("concurrency-limit", [FINITE]),
        ("concurrency-limit", ["pinned", "cron 0 3 * * * Europe/Paris"]),
        ("upcoming", [FINITE]),
        ("awaiting-retry", ["pinned", "cron 0 3 * * *"]),
        ("user-created-late", ["cron 0 3 * * *", "cron * * * * * inactive"]),
        ("user-created-late", ["empty"]),
        ("serve", ["pinned"]),
    ],
)
def test_what_ticks_often_enough_and_lets_the_drain_end_can_be_staged(scenario: str, words: list[str]) -> None:
    assert why_not(SCENARIOS[scenario], words, "", NOW) == ""


@pytest.mark.rule("shapes-drain-ends", "Where runs wait for their turn, no schedule that never ends is staged.")
@pytest.mark.parametrize(
    ("scenario", "words", "limit", "why"),
    [
        ("worker-outage", ["cron 22 2 * * * Europe/Paris"], "", "it needs 3 ticks, and there are 0 in 5 minutes"),
        ("worker-outage", ["cron */3 * * * *"], "", "and there are 2 in 5 minutes"),
        ("worker-outage", ["cron * * * * * inactive"], "", "and there are 0 in 5 minutes"),
        ("worker-outage", ["none"], "", "and there are 0 in 5 minutes"),
        ("concurrency-limit", ["interval 2s"], "", "its runs wait for their turn"),
        ("concurrency-limit", ["pinned", "cron 10 * * * *"], "", "its runs wait for their turn"),
        ("late-by-limit-pool", ["interval 2s"], "", "its runs wait for their turn"),
        ("upcoming", ["interval 2s"], "", "its runs are staged for one moment"),
        ("user-created-late", ["interval 2s"], "", "its runs are staged for one moment"),
        ("user-created-late", ["pinned"], "", "there is no first tick"),
        ("serve", ["interval 2s"], "", "its deployments are served"),
        ("serve", [], "1 CANCEL_NEW", "its prefect.yaml has no ${CONCURRENCY_LIMIT}"),
    ],
)
def test_what_cannot_be_staged_is_said_with_its_reason(scenario: str, words: list[str], limit: str, why: str) -> None:
    assert why in why_not(SCENARIOS[scenario], words, limit, NOW)


@pytest.mark.rule("shapes-goes-on", "A scenario whose own schedule goes on can be staged with another that does.")
def test_a_scenario_whose_schedule_goes_on_can_be_staged_with_another_that_goes_on() -> None:
    assert why_not(SCENARIOS["ticking"], ["interval 10s"], "", NOW) == ""
    assert "it needs 2 ticks" in why_not(SCENARIOS["ticking"], ["cron 22 2 * * * Europe/Paris"], "", NOW)


def test_scenarios_that_cannot_be_staged_are_left_out_and_named() -> None:
    trials = choose_trials("matrix", ["worker-outage", "concurrency-limit"], ["none"])
    left, refused = check_shapes(trials, ["interval 2s"], "", NOW)
    assert [scenario.name for scenario, _ in left] == ["worker-outage"]
    assert len(refused) == 1 and refused[0].startswith("concurrency-limit cannot be staged")


def test_where_none_is_left_that_is_wrong_usage_before_anything_is_started(tmp_path: Path) -> None:
    ask = RunAsk(subjects=("3.9.1",), scenarios=("worker-outage",), schedules=("cron 22 2 * * *",), results=tmp_path)
    with pytest.raises(UsageError) as raised:
        run_matrix(ask, Console(quiet=True))
    assert "worker-outage cannot be staged with this schedule: it needs 3 ticks" in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 3
    assert list(tmp_path.iterdir()) == []


def test_a_schedule_that_ticks_a_hundred_thousand_times_is_refused() -> None:
    with pytest.raises(UsageError, match="Name one that ticks less often"):
        why_not(SCENARIOS["worker-outage"], ["interval 0.001s"], "", NOW)


def planned(*words: str, door: str = "none", scenario: str = "worker-outage") -> Cell:
    return plan_cell(
        SCENARIOS[scenario], DOORS[door], subject="3.9.1", version="3.9.1", as_of="", engine="fake", engine_detail="",
        schedules=words,
    )  # fmt: skip


@pytest.mark.rule("endless-own-lab", "A trial whose schedule never ends has a lab of its own.")
def test_a_trial_whose_schedule_never_ends_has_a_lab_of_its_own() -> None:
    cells = spread_over_labs([planned("interval 2s", door=door) for door in ("none", "prefect-deploy")])
    assert len({cell.lab for cell in cells}) == 2
    finite = spread_over_labs([planned(FINITE, door=door) for door in ("none", "prefect-deploy")])
    assert {cell.lab for cell in finite} == {planned().lab}


def test_trials_of_different_schedules_have_different_names() -> None:
    names = {planned(*words).name for words in [(), ("interval 2s",), ("interval 3s",), ("pinned", "interval 3s")]}
    assert len(names) == 4
    assert planned().name == "worker-outage--none--3.9.1--fake"


def test_the_line_that_asks_again_names_the_schedules_and_the_limit() -> None:
    words = ("cron 22 2 * * * Europe/Paris", "interval 5m")
    ask = RunAsk(subjects=("3.9.1",), schedules=words, concurrency_limit="1 CANCEL_NEW")
    line = again("reproduce", ask)
    assert "--schedule 'cron 22 2 * * * Europe/Paris' --schedule 'interval 5m'" in line
    assert "--concurrency-limit '1 CANCEL_NEW'" in line


@pytest.mark.parametrize(
    ("scenario", "words", "why"),
    [
        ("worker-outage", ["interval 2s"], ""),
        ("upcoming", [], ""),
        ("worker-outage", [], "its last tick is past when its door is opened"),
        ("concurrency-limit", [FINITE], "its last tick is past when its door is opened"),
    ],
)
def test_a_door_beside_a_tick_needs_a_tick_that_is_to_come(scenario: str, words: list[str], why: str) -> None:
    trials = choose_trials("reproduce", [scenario], ["none"])
    if why:
        with pytest.raises(UsageError, match=why):
            check_shapes(trials, words, "", NOW, at="tick-2s")
    else:
        assert check_shapes(trials, words, "", NOW, at="tick-2s") == (trials, [])


@pytest.mark.parametrize(("words", "seconds"), [("", None), ("tick", 0.0), ("tick-2s", -2.0), ("tick+0.5", 0.5)])
def test_a_moment_beside_a_tick_is_read_in_seconds(words: str, seconds: float | None) -> None:
    assert seconds_from_tick(words) == seconds


@pytest.mark.parametrize("words", ["tock", "tick-", "tick 2s", "tick-2h", "tick+99999s"])
def test_a_moment_that_is_none_is_refused_with_examples(words: str) -> None:
    with pytest.raises(UsageError, match="Name tick, tick-2s"):
        seconds_from_tick(words)
