"""Promises that a fake Prefect breaks on purpose, from staging to results.json; and a sound one, which breaks none."""

from __future__ import annotations

import pytest

from harness.checkers import load_promises
from harness.trials.scenario import load_scenarios
from harness.words.names import PREFECT_DEPLOY
from tests.fakes.fake_lab import Backlog, Entry, FakeLab
from tests.fakes.test_executions import execute_once_more

OUTAGE, LIMIT, UPCOMING = "worker-outage", "concurrency-limit", "upcoming"
DOORS = (PREFECT_DEPLOY, "pause-deployment", "upsert-deployment", "none")
DOORS_OF_A_SERVED_ONE = ("serve-stop", "none")


def broken(entry: Entry) -> set[str]:
    """The promises that an entry of results.json says are broken."""
    return {name for name, promise in entry.promises.items() if promise.outcome == "broken"}


@pytest.mark.parametrize("scenario", load_scenarios())
def test_a_sound_prefect_breaks_no_promise(lab: FakeLab, scenario: str) -> None:
    staged = load_scenarios()[scenario]
    opened = DOORS_OF_A_SERVED_ONE if staged.served_by else DOORS
    for entry in lab.trials(scenario, doors=opened):
        assert {one.outcome for one in entry.promises.values()} == {"held"}, (entry.door, entry.promises)
        assert {"once", "orphans"} <= entry.promises.keys() <= set(load_promises())
        if entry.door == "none":
            assert {(one.expected, one.as_expected) for one in entry.promises.values()} == {("held", True)}


def run_again(backlog: Backlog) -> None:
    execute_once_more(backlog, backlog.at_risk()[:1])


def test_a_run_that_is_executed_twice_breaks_once(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_lift(lambda: run_again(backlog))
    entry = lab.trial(OUTAGE)
    assert (entry.outcome, broken(entry)) == ("altered", {"once"})
    told = {one["checker"]: one["promise"] for one in lab.saved(OUTAGE)["checks"]}["once"]
    assert told["outcome"] == "broken" and told["breaches"][0]["what"] == "was executed 2 times in 1 try"
    report = (lab.plan.folder / entry.folder / "report.md").read_text(encoding="utf-8")
    assert "**broken** `once`" in report and "is news" in report


def test_a_deployment_that_is_deleted_and_leaves_runs_that_wait_breaks_orphans(lab: FakeLab) -> None:
    lab.prefect.leaves_orphans = True
    entry = lab.trial(LIMIT, "delete-deployment")
    assert "orphans" in broken(entry), entry.promises
    assert "it has no deployment any more" in entry.promises["orphans"].reason


def test_a_deployment_that_is_deleted_with_its_runs_breaks_none(lab: FakeLab) -> None:
    assert broken(lab.trial(LIMIT, "delete-deployment")) == set()
