"""Trials whose deployments have another schedule than the harness's own: one that goes on ticking, for instance."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.fakes.fake_lab import FakeLab, judged, ticks_of

EVERY = ("interval 2s",)


@pytest.mark.parametrize("door", ["none", "prefect-deploy", "patch-deployment"])
def test_runs_of_a_schedule_that_never_ends_survive_and_its_drain_does_end(lab: FakeLab, door: str) -> None:
    lab.schedules = EVERY
    entry = lab.trial("worker-outage", door)
    assert entry.outcome == "survived", entry.reason
    assert entry.at_risk >= 3
    assert ticks_of(entry).outcome == "whole", entry.ticks
    assert list(entry.schedules) == ["interval 2s"]
    drained = next(line for line in lab.history("worker-outage", door) if line["kind"] == "drained")
    assert drained["ended"] == "every run that is there has ended"


def test_a_late_run_of_a_schedule_that_never_ends_is_lost_and_its_tick_is_missing(lab: FakeLab) -> None:
    lab.schedules = EVERY
    backlog = lab.backlog("worker-outage")
    backlog.on_update(lambda: backlog.delete(backlog.at_risk()[:1]))
    entry = lab.trial("worker-outage")
    assert (entry.outcome, entry.lost) == ("lost", 1), judged(entry)
    assert ticks_of(entry).missing == 1


def test_what_is_staged_is_in_the_history_the_report_and_the_name(lab: FakeLab) -> None:
    lab.schedules = ("interval 2s", "cron 0 3 1 1 * UTC")
    cell = lab.cell("worker-outage")
    entry = lab.trial("worker-outage")
    assert "interval-2s" in entry.folder or "cron-0-3" in entry.folder
    (opening,) = (line for line in lab.history("worker-outage") if line["kind"] == "trial")
    assert opening["cell"]["schedules"] == list(cell.schedules) == list(lab.schedules)
    report = (lab.plan.folder / entry.folder / "report.md").read_text(encoding="utf-8")
    assert "Each of two deployments has the schedule `interval 2s`, and the schedule `cron 0 3 1 1 * UTC`." in report


def test_the_first_ticks_that_have_runs_are_the_backlog(lab: FakeLab) -> None:
    lab.schedules = EVERY
    lab.trial("worker-outage")
    (listing,) = (
        line for line in lab.history("worker-outage") if line.get("when") == "before the door" and "runs" in line
    )
    late = [run for run in listing["runs"] if run["state_name"] == "Late"]
    times = sorted({datetime.fromisoformat(run["expected_start_time"].replace("Z", "+00:00")) for run in late})
    assert len(times) >= 3, "treated and twin were deployed at different moments"


@pytest.mark.rule("drain-of-what-came-due", "A drain waits for what came due up to its beginning.")
def test_what_came_due_after_the_backlog_is_at_risk_and_waited_for_too(lab: FakeLab) -> None:
    lab.schedules, lab.at = ("interval 2s",), "tick+3s"  # the runs of that tick are late by then
    lab.prefect.run_seconds = 3.0
    entry = lab.trial("worker-outage")
    assert entry.at_risk > 3, "as many as the backlog has"
    assert entry.outcome == "survived", entry.reason


def opened(lab: FakeLab) -> datetime:
    """When the door of a trial was opened."""
    (line,) = (line for line in lab.history("worker-outage") if line["kind"] == "door-opens")
    return datetime.fromisoformat(line["at"].replace("Z", "+00:00"))


@pytest.mark.rule("at-the-tick", "A door that is asked for beside a tick is opened at that moment.")
@pytest.mark.parametrize(("at", "seconds"), [("tick-1s", -1.0), ("tick", 0.0), ("tick+0.5s", 0.5)])
def test_a_door_is_opened_beside_a_tick_that_is_to_come(lab: FakeLab, at: str, seconds: float) -> None:
    lab.schedules, lab.at = EVERY, at
    entry = lab.trial("worker-outage")
    assert entry.outcome == "survived", entry.reason
    assert entry.at == at
    listing = next(
        line for line in lab.history("worker-outage") if line.get("when") == "before the door" and "runs" in line
    )
    ticks = [
        datetime.fromisoformat(run["expected_start_time"].replace("Z", "+00:00"))
        for run in listing["runs"]
        if run["side"] == "treated"
    ]
    nearest = min(abs((opened(lab) - tick).total_seconds() - seconds) for tick in ticks)
    assert nearest < 0.1, [f"{tick:%S.%f}" for tick in ticks]


@pytest.mark.rule("at-a-tick-to-come", "A door is not opened beside a tick if none is to come.")
def test_a_door_beside_a_tick_that_is_not_to_come_is_an_error(lab: FakeLab) -> None:
    lab.at = "tick-1s"
    entry = lab.trial("worker-outage")
    assert entry.outcome == "error"
    assert "no tick of the treated deployment is to come" in entry.reason
