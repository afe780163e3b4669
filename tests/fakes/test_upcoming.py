"""Runs that are not due yet, judged by their ticks; and runs that are overdue under the name they had before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.evidence.table import footnotes
from harness.verdict.outcomes import contradicts, said, unjudged
from harness.words.names import PREFECT_DEPLOY
from tests.fakes.fake_lab import Backlog, FakeLab, counts, judged, ticks_of, verdict
from tests.fakes.fake_prefect import UPDATE_BEGINS

UPCOMING, OVERDUE = "upcoming", "overdue-unmarked"
KEPT = counts(at_risk=3, kept=3)


@pytest.mark.rule("report-judged-by", "A report says first what became of the promise that its trial is judged by.")
def test_upcoming_runs_that_are_made_again_are_lost_by_design_and_their_ticks_whole(lab: FakeLab) -> None:
    entry = lab.trial(UPCOMING)
    assert judged(entry)["treated"] == counts(at_risk=3, lost=3, recreated=3), entry.reason
    assert (said(entry), entry.expected, ticks_of(entry).expected) == ("ticks whole", None, "whole")
    assert ticks_of(entry).reason.startswith("of 3 ticks")
    assert not contradicts(entry) and not unjudged(entry)
    report = (lab.plan.folder / entry.folder / "report.md").read_text(encoding="utf-8")
    assert ": ticks whole\n" in report and "\nEach tick of a schedule has exactly one run in the end" in report
    assert "Promise ticks whole, expected whole" in report


def test_through_the_null_door_upcoming_runs_survive_and_their_ticks_are_whole(lab: FakeLab) -> None:
    entry = lab.trial(UPCOMING, "none")
    assert (entry.outcome, entry.expected, said(entry)) == ("survived", "survived", "ticks whole")
    assert not contradicts(entry) and not unjudged(entry)


def delete_the_first(backlog: Backlog) -> None:
    backlog.prefect.schedules_runs = False
    backlog.delete(backlog.prefect.runs_of(backlog.flow("treated"))[:1])


def delete_all(backlog: Backlog) -> None:
    backlog.prefect.schedules_runs = False
    backlog.delete(backlog.prefect.runs_of(backlog.flow("treated")))


def make_the_first_twice(backlog: Backlog) -> None:
    backlog.prefect.advance()
    first = backlog.prefect.runs_of(backlog.flow("treated"))[0]
    backlog.prefect.add_run(first.deployment, first.expected, auto_scheduled=True)


@pytest.mark.parametrize(
    ("fault", "came_to", "number"),
    [(delete_the_first, "missing", 3), (delete_all, "missing", 3), (make_the_first_twice, "duplicate", 1)],
)
def test_a_tick_that_never_comes_back_or_comes_twice_contradicts(
    lab: FakeLab, fault: Callable[[Backlog], None], came_to: str, number: int
) -> None:
    backlog = lab.backlog(UPCOMING)
    backlog.on_update(lambda: fault(backlog))
    entry = lab.trial(UPCOMING, "patch-deployment")  # which keeps the schedule's id
    assert (said(entry), getattr(ticks_of(entry), came_to)) == (f"ticks {came_to}", number), entry.ticks
    assert ticks_of(entry).reason.startswith("of 3 ticks"), "the twin's runs keep the drain open until they are due"
    assert contradicts(entry)


@pytest.mark.rule("promise-known-now-and-then", "What is known to happen now and then contradicts nothing.")
@pytest.mark.parametrize("door", ["upsert-deployment", "deploy-unchanged"])
def test_a_tick_that_comes_twice_now_and_then_is_no_contradiction_where_that_is_known(lab: FakeLab, door: str) -> None:
    backlog = lab.backlog(UPCOMING)
    backlog.on_update(lambda: make_the_first_twice(backlog))
    entry = lab.trial(UPCOMING, door)
    known = lab.cell(UPCOMING, door).promises["ticks"].sometimes_reference
    assert (said(entry), contradicts(entry), unjudged(entry)) == ("ticks duplicate", False, False)
    report = (lab.plan.folder / entry.folder / "report.md").read_text(encoding="utf-8")
    assert f"This happens now and then ({known})." in report
    (note,) = footnotes([entry])
    said_so = f"promise ticks duplicate, which happens now and then ({known}): of 3 ticks"
    assert note.startswith(f"upcoming, {door} on 3.9.1: {said_so}")


@pytest.mark.rule("promise-now-and-then-in-a-gate", "A gate gives no verdict on what is known to happen now and then.")
def test_a_tick_that_comes_twice_now_and_then_says_nothing_of_what_is_held_to_whole_ticks(lab: FakeLab) -> None:
    lab.held = True
    backlog = lab.backlog(UPCOMING)
    backlog.on_update(lambda: make_the_first_twice(backlog))
    entry = lab.trial(UPCOMING)
    assert (said(entry), contradicts(entry), unjudged(entry)) == ("ticks duplicate", False, True)
    (note,) = footnotes([entry])
    assert note.endswith("So it says nothing here; run it again.")


def test_what_is_held_to_whole_ticks_and_lacks_one_contradicts(lab: FakeLab) -> None:
    lab.held = True
    backlog = lab.backlog(UPCOMING)
    backlog.on_update(lambda: delete_the_first(backlog))
    assert contradicts(lab.trial(UPCOMING))


def cancel_all(backlog: Backlog) -> None:
    backlog.prefect.advance()
    backlog.move_to(backlog.prefect.runs_of(backlog.flow("treated")), "CANCELLED", "Cancelled")


def end_the_schedule(backlog: Backlog) -> None:
    backlog.deployment("treated").active = False
    backlog.delete(backlog.prefect.runs_of(backlog.flow("treated")))


@pytest.mark.rule(
    "upcoming-ended-schedule", "If ticks are the verdict, those of a schedule that the door ended are still due."
)
@pytest.mark.rule("upcoming-completed", "If ticks are the verdict, a tick's run must have completed.")
@pytest.mark.parametrize("fault", [cancel_all, end_the_schedule])
def test_ticks_that_have_a_run_but_none_that_runs_or_that_are_not_named_any_more_are_missing(
    lab: FakeLab, fault: Callable[[Backlog], None]
) -> None:
    backlog = lab.backlog(UPCOMING)
    backlog.on_update(lambda: fault(backlog))
    entry = lab.trial(UPCOMING)
    assert (said(entry), ticks_of(entry).missing) == ("ticks missing", 3), entry.ticks
    assert contradicts(entry)


def test_a_door_that_came_too_late_for_upcoming_runs_is_no_verdict(lab: FakeLab) -> None:
    backlog = lab.backlog(UPCOMING)
    backlog.on(UPDATE_BEGINS, lambda: lab.clock.sleep(60))
    entry = lab.trial(UPCOMING)
    assert not contradicts(entry) and unjudged(entry), (entry.outcome, entry.ticks)


@pytest.mark.parametrize("door", [PREFECT_DEPLOY, "none"])
def test_overdue_runs_that_nobody_calls_late_survive_a_sound_prefect(lab: FakeLab, door: str) -> None:
    entry = lab.trial(OVERDUE, door)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    before = {run["state_name"] for event in lab.history(OVERDUE, door) if event.get("when") == "before the door"
              for run in event.get("runs", ())}  # fmt: skip
    assert before == {"Scheduled"}


def test_overdue_runs_that_an_update_deletes_are_lost_whatever_they_are_called(lab: FakeLab) -> None:
    backlog = lab.backlog(OVERDUE)
    backlog.on_update(lambda: backlog.delete(backlog.at_risk()[:2]))
    entry = lab.trial(OVERDUE)
    assert judged(entry) == verdict("lost", treated=counts(at_risk=3, kept=1, lost=2), twin=KEPT), entry.reason


def complete_the_first_without_running(backlog: Backlog) -> None:
    backlog.prefect.advance()
    first = backlog.prefect.runs_of(backlog.flow("treated"))[:1]
    for state in ("PENDING", "RUNNING", "COMPLETED"):
        backlog.move_to(first, state, state.title())


def execute_the_first_once_more(backlog: Backlog) -> None:
    backlog.prefect.advance()
    first = backlog.prefect.runs_of(backlog.flow("treated"))[0]
    backlog.prefect.execute(first)
    backlog.prefect.end_execution(first)


@pytest.mark.rule("tick-executed", "A tick whose run was never executed is missing.")
@pytest.mark.rule("tick-executed-once", "A tick whose run was executed twice is a duplicate.")
@pytest.mark.parametrize(
    ("fault", "came_to"),
    [(complete_the_first_without_running, "missing"), (execute_the_first_once_more, "duplicate")],
)
def test_a_tick_is_what_was_executed_once(lab: FakeLab, fault: Callable[[Backlog], None], came_to: str) -> None:
    backlog = lab.backlog(UPCOMING)
    backlog.on_update(lambda: fault(backlog))
    entry = lab.trial(UPCOMING, "patch-deployment")
    assert (ticks_of(entry).outcome, getattr(ticks_of(entry), came_to)) == (came_to, 1), entry.ticks
    assert contradicts(entry)
