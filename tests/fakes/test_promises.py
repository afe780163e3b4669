"""Promises that a fake Prefect breaks on purpose, from staging to results.json; and a sound one, which breaks none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.checkers import load_promises
from harness.runs.plan import doors_of
from harness.trials.scenario import load_scenarios
from harness.words.names import PREFECT_DEPLOY
from tests.fakes.fake_lab import Backlog, Entry, FakeLab
from tests.fakes.fake_prefect import DELETED, Run
from tests.fakes.test_executions import execute_once_more

OUTAGE, LIMIT, UPCOMING = "worker-outage", "concurrency-limit", "upcoming"
DOORS = (PREFECT_DEPLOY, "pause-deployment", "upsert-deployment", "none")
DOORS_OF_A_SERVED_ONE = ("serve-stop", "none")
STAGED = [
    name for name, one in load_scenarios().items() if not (one.moves_clock or one.schedules)
]  # the fake knows no cron


def broken(entry: Entry) -> set[str]:
    """The promises that an entry of results.json says are broken."""
    return {name for name, promise in entry.promises.items() if promise.outcome == "broken"}


@pytest.mark.parametrize("scenario", STAGED)
def test_a_sound_prefect_breaks_no_promise(lab: FakeLab, scenario: str) -> None:
    staged = load_scenarios()[scenario]
    opened = DOORS_OF_A_SERVED_ONE if staged.served_by else DOORS
    for entry in lab.trials(scenario, doors=opened):
        said = {name: one.outcome for name, one in entry.promises.items()}
        if staged.judged_by == "ticks" and entry.door not in doors_of(staged):
            said.pop("ticks")  # such a door ends the schedule, and the ticks that it named are judged
        kept = {name: load_promises()[name].kept for name in said}
        assert said == kept, (entry.door, entry.promises)
        assert {"once", "orphans"} <= entry.promises.keys() <= set(load_promises())
        if entry.door == "none":
            expected = {name: (one.expected, one.as_expected) for name, one in entry.promises.items()}
            assert expected == {name: (kept[name], True) for name in entry.promises}


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


def test_a_gate_ends_with_1_by_a_broken_promise_alone(lab: FakeLab) -> None:
    lab.held = True
    backlog = lab.backlog(OUTAGE)
    backlog.on_update(lambda: setattr(backlog.deployment("treated"), "concurrency_limit", 7))
    entry = lab.trial(OUTAGE)
    assert (entry.outcome, broken(entry)) == ("survived", {"settings"})
    assert entry.promises["settings"].as_expected is False
    ticks = entry.promises["ticks"]
    assert {one.expected for one in entry.promises.values() if one != ticks} == {"held"}
    assert ticks.expected is None, "a gate expects them of a scenario that is judged by them"


def make_one_more(backlog: Backlog) -> None:
    first = backlog.prefect.runs_of(backlog.flow("twin"))[0]
    backlog.prefect.add_run(backlog.deployment("treated"), first.expected, auto_scheduled=True)


@pytest.mark.parametrize("door", ["pause-deployment", "schedule-pause", "delete-schedule"])
def test_a_schedule_that_was_stopped_and_makes_a_run_all_the_same_breaks_unwanted(lab: FakeLab, door: str) -> None:
    backlog = lab.backlog(UPCOMING)
    backlog.on_update(lambda: make_one_more(backlog))
    entry = lab.trial(UPCOMING, door)
    assert "unwanted" in broken(entry), entry.promises


def test_a_run_that_is_made_with_other_parameters_breaks_parameters(lab: FakeLab) -> None:
    backlog = lab.backlog(UPCOMING)
    backlog.on_update(lambda: setattr(backlog.deployment("treated"), "parameters", {}))
    lab.prefect.on_new_run = lambda run: (
        run.parameters.update(note="odd") if "--twin" not in run.deployment.name else None
    )
    entry = lab.trial(UPCOMING)
    assert "parameters" in broken(entry), entry.promises


def side_by_side(backlog: Backlog) -> None:
    for run in backlog.at_risk()[:2]:
        backlog.prefect.execute(run)
    backlog.clock.sleep(1)
    for run in backlog.at_risk()[:2]:
        backlog.prefect.end_execution(run)


def test_executions_beyond_the_limit_break_it(lab: FakeLab) -> None:
    backlog = lab.backlog(LIMIT)
    backlog.on_lift(lambda: side_by_side(backlog))
    entry = lab.trial(LIMIT)
    assert "limit" in broken(entry), entry.promises


Deed = Callable[[Backlog], None]
SETTINGS: dict[str, Deed] = {
    "paused": lambda backlog: setattr(backlog.deployment("treated"), "paused", True),
    "schedule": lambda backlog: setattr(backlog.deployment("treated"), "active", False),
    "parameters": lambda backlog: setattr(backlog.deployment("treated"), "parameters", {"note": "x"}),
    "limit": lambda backlog: setattr(backlog.deployment("treated"), "concurrency_limit", 3),
}


@pytest.mark.parametrize("deed", SETTINGS)
def test_a_deploy_that_changes_what_its_file_does_not_say_breaks_settings(lab: FakeLab, deed: str) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_update(lambda: SETTINGS[deed](backlog))
    entry = lab.trial(OUTAGE)
    assert "settings" in broken(entry), entry.promises
    assert deed.rstrip("s") in entry.promises["settings"].reason


def switch_on(backlog: Backlog) -> None:
    """As a deploy of a file that says nothing of it does, up to 3.9.1."""
    deployment = backlog.deployment("treated")
    if deployment.description.startswith("nonce"):
        deployment.active = True


@pytest.mark.parametrize("door", ["pause-then-deploy", "pause-then-deploy-slug"])
def test_a_deploy_that_switches_a_paused_schedule_on_breaks_settings_and_unwanted(lab: FakeLab, door: str) -> None:
    backlog = lab.backlog(UPCOMING)
    backlog.on_update(lambda: switch_on(backlog))
    entry = lab.trial(UPCOMING, door)
    assert broken(entry) == {"settings", "unwanted"}, entry.promises
    assert "its schedule had been switched off" in entry.promises["unwanted"].reason


def test_a_deploy_that_leaves_a_paused_schedule_as_it_is_breaks_nothing(lab: FakeLab) -> None:
    entry = lab.trial(UPCOMING, "pause-then-deploy")
    assert (broken(entry), entry.promises["unwanted"].outcome) == (set(), "held")


def keep_the_schedule(backlog: Backlog) -> None:
    backlog.deployment("treated").rrule = backlog.deployment("twin").rrule


@pytest.mark.parametrize("keeps", [True, False])
def test_an_empty_list_of_schedules_that_leaves_the_old_one_breaks_unwanted(lab: FakeLab, keeps: bool) -> None:
    backlog = lab.backlog(UPCOMING)
    if keeps:  # as up to 3.9.1
        backlog.on_update(lambda: keep_the_schedule(backlog))
    entry = lab.trial(UPCOMING, "deploy-empty-schedules")
    assert broken(entry) == ({"unwanted"} if keeps else set()), entry.promises
    assert ("the deploy was to leave no schedule" in entry.promises["unwanted"].reason) is keeps


@pytest.mark.rule("orphan-made-after-the-deletion", "A run that is made of a deleted deployment is an orphan.")
@pytest.mark.rule("listed-by-flow", "Once a deployment is deleted, its runs are listed by its flow, too.")
def test_a_run_that_is_made_after_the_deletion_of_its_deployment_breaks_orphans(lab: FakeLab) -> None:
    backlog = lab.backlog(UPCOMING)

    def make() -> None:
        last = [run for run in made_of if run.deployment.name.endswith("--delete-deployment")][-1]
        lab.prefect.add_run(last.deployment, last.expected, auto_scheduled=True)

    made_of: list[Run] = []
    lab.prefect.on_new_run = made_of.append
    backlog.prefect.on(backlog.flow("treated"), DELETED, make)
    entry = lab.trial(UPCOMING, "delete-deployment")
    assert broken(entry) == {"orphans"}, entry.promises
    assert "was made without its deployment" in entry.promises["orphans"].reason


def test_a_file_without_the_key_may_keep_its_schedules_or_not(lab: FakeLab) -> None:
    assert broken(lab.trial(UPCOMING, "deploy-no-schedules")) == set()
