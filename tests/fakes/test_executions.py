"""What flows really did, by the marks that they leave outside of Prefect, against what the server says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from harness.trials import looks, trigger
from harness.trials.trial import Trial
from harness.words.names import BEFORE
from tests.fakes import fake_prefect
from tests.fakes.fake_lab import Backlog, FakeLab, counts, judged, verdict
from tests.fakes.fake_prefect import UPDATE_BEGINS, Run

KEPT = counts(at_risk=3, kept=3)
OUTAGE, LIMIT = LIFTED = ("worker-outage", "concurrency-limit")  # whose fault is lifted; a retry comes by itself

Deed = Callable[[Backlog, list[Run]], None]


def complete_without_running(backlog: Backlog, runs: list[Run]) -> None:
    """As a server would say it of runs that ran."""
    backlog.move_to(runs, "PENDING", "Pending")
    backlog.move_to(runs, "RUNNING", "Running")
    backlog.move_to(runs, "COMPLETED", "Completed")


def execute_once_more(backlog: Backlog, runs: list[Run]) -> None:
    for run in runs:
        backlog.prefect.execute(run)
        backlog.prefect.end_execution(run)


def execute_with_other_parameters(backlog: Backlog, runs: list[Run]) -> None:
    backlog.move_to(runs, "RUNNING", "Running")
    for run in runs:
        backlog.prefect.execute(run, note="another")


def complete_and_crash_without_running(backlog: Backlog, runs: list[Run]) -> None:
    complete_without_running(backlog, runs)
    backlog.move_to(runs, "CRASHED", "Crashed")


def complete_before_the_end(backlog: Backlog, runs: list[Run]) -> None:
    """Its process is gone before its flow ended."""
    backlog.pick_up(runs)
    backlog.move_to(runs, "COMPLETED", "Completed")


DEEDS: dict[Deed, tuple[dict[str, int], str]] = {
    complete_without_running: ({"never_ran": 1}, "it is called Completed, and was never executed"),
    complete_and_crash_without_running: ({"never_ran": 1}, "it is called Completed, and was never executed"),
    complete_before_the_end: ({}, "its flow began and never ended"),
    execute_once_more: ({"executed_twice": 1}, "it was executed 2 times since it was listed"),
    execute_with_other_parameters: ({}, "it was executed with {'note': 'another'}, and not with {'note': ''}"),
}


@pytest.mark.rule("executed-once", "A run that is called Completed and was never executed is altered.")
@pytest.mark.rule("executed-not-twice", "A run that was executed twice is altered.")
@pytest.mark.rule("executed-parameters", "A run that was executed with other parameters is altered.")
@pytest.mark.rule("executed-to-its-end", "A run that began and never ended did not complete.")
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("scenario", LIFTED)
def test_a_run_that_is_executed_otherwise_than_once_as_listed_is_altered(
    lab: FakeLab, scenario: str, deed: Deed
) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_lift(lambda: deed(backlog, backlog.at_risk()[:1]))
    entry = lab.trial(scenario)
    counted, why = DEEDS[deed]
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, kept=2, altered=1, **counted), twin=KEPT)
    assert why in entry.reason


@pytest.mark.rule("executed-declared-parameters", "A run has to receive what its deployment declared.")
def test_parameters_that_all_runs_receive_and_no_deployment_says_are_no_survival(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_lift(lambda: execute_with_other_parameters(backlog, [*backlog.at_risk(), *backlog.at_risk("twin")]))
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "inconclusive"
    assert "executed with {'note': 'another'}, and not with {'note': ''}" in entry.reason


@pytest.mark.parametrize("deed", DEEDS)
def test_a_twin_that_is_executed_otherwise_is_no_control(lab: FakeLab, deed: Deed) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_lift(lambda: deed(backlog, [*backlog.at_risk()[:1], *backlog.at_risk("twin")[1:2]]))
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "inconclusive"
    assert "the twin, which nobody updated, were altered too" in entry.reason


def test_a_run_that_the_update_itself_executes_ran_twice(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_update(lambda: execute_once_more(backlog, backlog.at_risk()[1:]))
    entry = lab.trial(OUTAGE)
    twice = counts(at_risk=3, kept=1, altered=2, executed_twice=2)
    assert judged(entry) == verdict("altered", treated=twice, twin=KEPT)


@pytest.mark.rule(
    "executed-or-not-picked-up", "A run that is said to be picked up and was never executed stays at risk."
)
@pytest.mark.parametrize("ended", ["CRASHED", "FAILED", "CANCELLED", "COMPLETED"])
def test_a_run_that_is_said_to_be_picked_up_and_was_never_executed_stays_at_risk(lab: FakeLab, ended: str) -> None:
    backlog = lab.backlog(LIMIT)

    def begin() -> None:
        runs = backlog.at_risk()[:1]
        for state in ("PENDING", "RUNNING", ended):
            backlog.move_to(runs, state, state.title())

    backlog.on(UPDATE_BEGINS, begin)
    entry = lab.trial(LIMIT)
    assert (entry.outcome, entry.at_risk, entry.altered) == ("altered", 3, 1), entry.reason


@pytest.mark.rule("executed-marks-first", "Marks are read before the listing.")
def test_a_run_that_begins_right_after_the_listing_was_picked_up(lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    backlog = lab.backlog(OUTAGE)
    listed = looks.record_backlog

    def list_and_begin(of: Trial, when: str) -> list[dict[str, Any]]:
        runs = listed(of, when)
        if when == BEFORE:
            backlog.pick_up(backlog.at_risk()[:1])
        return runs

    monkeypatch.setattr(trigger, "record_backlog", list_and_begin)
    assert judged(lab.trial(OUTAGE))["treated"] == counts(at_risk=2, kept=2)


@pytest.mark.rule("executed-since-listed", "Executions from before the listing do not count.")
def test_the_first_try_of_a_run_that_waits_for_its_retry_is_no_second_execution(lab: FakeLab) -> None:
    assert judged(lab.trial("awaiting-retry")) == verdict("survived", treated=KEPT, twin=KEPT)
    before, after = (event for event in lab.history("awaiting-retry") if event["kind"] == "executions")
    assert [len(event["executions"]) for event in (before, after)] == [6, 12]
    assert all(one["ended"] for one in after["executions"])


def test_runs_that_are_slow_to_begin_await_their_retry_together(lab: FakeLab) -> None:
    lab.prefect.begin_apart = timedelta(seconds=3)  # six runs: the last one begins later than a delay after the first
    assert judged(lab.trial("awaiting-retry")) == verdict("survived", treated=KEPT, twin=KEPT)


def test_runs_of_an_earlier_try_to_deploy_do_not_stand_for_those_that_have_not_begun(
    lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_prefect, "RETRY_DELAY", timedelta(seconds=20))
    lab.deadlines = replace(lab.deadlines, backlog=60)
    lab.prefect.begin_apart = timedelta(seconds=4)
    backlog = lab.backlog("awaiting-retry")
    backlog.on("created", lambda: setattr(lab.site, "deploy_seconds", 12.0), side="probe")
    entry = lab.trial("awaiting-retry")
    notes = [event["text"] for event in lab.history("awaiting-retry") if event["kind"] == "note"]
    assert notes == ["the deploy took 12 s, past the first tick; again"], entry.reason
    assert (entry.outcome, entry.lost, entry.altered) == ("survived", 0, 0), entry.reason


def test_a_retry_that_is_executed_twice_is_altered(lab: FakeLab) -> None:
    backlog = lab.backlog("awaiting-retry")
    backlog.on_update(lambda: execute_once_more(backlog, backlog.at_risk()[:1]))
    entry = lab.trial("awaiting-retry")
    assert judged(entry)["treated"] == counts(at_risk=3, kept=2, altered=1, executed_twice=1)


@pytest.mark.rule("executed-and-gone", "A run that is gone and was executed all the same forbids a verdict.")
def test_a_run_that_is_gone_and_was_executed_all_the_same_is_no_verdict(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)

    def execute_and_delete() -> None:
        runs = backlog.at_risk()[:1]
        execute_once_more(backlog, runs)
        backlog.delete(runs)

    backlog.on_update(execute_and_delete)
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "inconclusive"
    assert "is gone, and was executed since it was listed" in entry.reason


@pytest.mark.rule("executed-probe-marks", "The probe's flow has to leave a mark before anything is staged.")
def test_flows_that_leave_no_marks_are_an_error_before_anything_is_staged(lab: FakeLab) -> None:
    lab.prefect.leaves_marks = False
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "error"
    assert "the probe run completed, and its flow left no mark of its execution" in entry.reason


def test_flows_whose_marks_are_lost_later_have_no_verdict(lab: FakeLab) -> None:
    lab.backlog(OUTAGE).on_update(lambda: setattr(lab.prefect, "leaves_marks", False))
    assert lab.trial(OUTAGE).outcome == "inconclusive"


def test_what_is_no_mark_is_an_error(lab: FakeLab) -> None:
    broken = {"run": "x", "process": 1, "ended": "2030-01-01T00:00:00Z"}
    lab.backlog(OUTAGE).on_update(lambda: lab.prefect.executions.append((OUTAGE, broken)))
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "error"
    assert "executions.jsonl: no mark of an execution" in entry.reason
