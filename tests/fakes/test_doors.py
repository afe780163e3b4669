"""Each door against a sound Prefect, and against one that refuses it: its failure is told apart from its effect."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from harness.doors import SERVED, load_doors
from harness.doors._door import REHEARSED
from harness.words.names import PREFECT_DEPLOY
from tests.fakes.fake_lab import FakeLab, counts, judged, ticks_of, verdict
from tests.fakes.fake_prefect import DELETED

DOORS = load_doors()

KEPT = counts(at_risk=3, kept=3)
OUTAGE, LIMIT = "worker-outage", "concurrency-limit"
DELETING = ["delete-deployment", "bulk-delete", "practice-green-delete"]
FITTING = [name for name, door in DOORS.items() if door.only_for not in (SERVED, REHEARSED) and door.is_of_deployments]
TOGETHER = [name for name in FITTING if not DOORS[name].server_settings]
KEEPING = [name for name in FITTING if name not in DELETING]
REQUESTS = {
    "upsert-deployment": "^POST /deployments/$",
    "patch-deployment": "^PATCH /deployments/[^/]+$",
    "pause-by-patch": "^PATCH /deployments/[^/]+$",
    "pause-deployment": "/pause_deployment$",
    "pause-by-automation": "^POST /automations/$",
    "resume-deployment": "/resume_deployment$",
    "deactivate-schedule": "^PATCH .*/schedules/",
    "change-schedule": "^PATCH .*/schedules/",
    "add-schedule": "^POST .*/schedules$",
    "delete-schedule": "^DELETE .*/schedules/",
    "delete-deployment": "^DELETE /deployments/[^/]+$",
    "delete-sibling": "^DELETE .*/schedules/",
    "bulk-delete": "/bulk_delete$",
}


@pytest.mark.rule(
    "answered-by-the-server-clock",
    "A door that leaves no nonce was answered when the server's clock says, not at `updated`.",
)
@pytest.mark.rule("door-settings-reach-server", "The server of a door with settings of its own gets them.")
@pytest.mark.parametrize("door", KEEPING)
def test_through_any_door_a_sound_prefect_survives(lab: FakeLab, door: str) -> None:
    entry = lab.trial(OUTAGE, door)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    assert entry.door == door
    assert ticks_of(entry).outcome == "whole"
    assert ticks_of(entry).reason.startswith("of 3 ticks"), "all of them were due when the door was answered"


@pytest.mark.parametrize("door", DELETING)
def test_a_deleted_deployment_takes_its_runs_along(lab: FakeLab, door: str) -> None:
    entry = lab.trial(OUTAGE, door)
    assert judged(entry) == verdict("lost", treated=counts(at_risk=3, lost=3), twin=KEPT), entry.reason


@pytest.mark.rule("deleted-deployment-still-listed", "Runs that have lost their deployment are listed by their ids.")
def test_runs_that_have_lost_their_deployment_are_altered(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)

    def take_their_deployment_away() -> None:
        for run in backlog.at_risk():
            run.deployment = replace(run.deployment, id="")

    backlog.on_update(take_their_deployment_away)
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, altered=3), twin=KEPT), entry.reason
    listed = [event["runs"] for event in lab.history(OUTAGE) if event["kind"] == "listing"]
    assert [sum(run["side"] == "treated" for run in runs) for runs in listed] == [3] * len(listed)


@pytest.mark.parametrize("door", DELETING)
def test_runs_that_a_deleted_deployment_leaves_behind_are_altered(lab: FakeLab, door: str) -> None:
    lab.prefect.leaves_orphans = True
    entry = lab.trial(LIMIT, door)
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, altered=3), twin=KEPT)


@pytest.mark.rule("drain-of-what-is-left-behind", "The drain waits for what a deleted deployment left behind, too.")
def test_a_run_that_a_deleted_deployment_leaves_behind_is_waited_for(lab: FakeLab) -> None:
    def try_it_later() -> None:
        for run in lab.prefect.runs.values():
            if run.next_start and not run.deployment.id:
                run.next_start += timedelta(seconds=15)  # long after the last run of the twin has ended

    lab.prefect.leaves_orphans = True
    lab.prefect.on("awaiting-retry-treated", DELETED, try_it_later)
    lab.trial("awaiting-retry", "delete-deployment")
    last = next(event for event in reversed(lab.history("awaiting-retry", "delete-deployment"))
                if event["kind"] == "listing")  # fmt: skip
    assert {run["state_name"] for run in last["runs"] if run["side"] == "treated"} == {"Completed"}


def test_all_doors_at_once_come_to_what_each_comes_to_alone(lab: FakeLab) -> None:
    entries = lab.trials(OUTAGE, LIMIT, doors=TOGETHER)
    outcomes = {(entry.scenario, entry.door): entry.outcome for entry in entries}
    alone = {door: "lost" if door in DELETING else "survived" for door in TOGETHER}
    assert outcomes == {(scenario, door): alone[door] for scenario in (OUTAGE, LIMIT) for door in TOGETHER}
    assert all(entry.at_risk == entry.twin.at_risk == 3 for entry in entries)
    assert not any(entry.bystanders_lost for entry in entries)


@pytest.mark.rule("door-own-deployment", "Each door is opened on a deployment of its own.")
def test_what_one_door_deletes_is_lost_in_its_own_trial_alone(lab: FakeLab) -> None:
    def delete_one() -> None:
        paused = next(d for d in lab.prefect.deployments.values() if d.name == "worker-outage--pause-deployment")
        if paused.paused:
            late = [run for run in lab.prefect.runs.values() if run.deployment is paused]
            for run in late[:1]:
                del lab.prefect.runs[run.id]

    lab.backlog(OUTAGE).on_update(delete_one)
    by_door = {e.door: e for e in lab.trials(OUTAGE, doors=["patch-deployment", "pause-deployment", "none"])}
    assert judged(by_door["pause-deployment"])["outcome"] == "lost"
    assert judged(by_door["patch-deployment"]) == verdict("survived", treated=KEPT, twin=KEPT)
    assert judged(by_door["none"]) == verdict("survived", treated=KEPT, twin=KEPT)


@pytest.mark.parametrize("status", [409, 422])
@pytest.mark.parametrize("door", sorted(REQUESTS))
def test_a_door_that_the_server_refuses_is_an_error_that_names_the_status(lab: FakeLab, door: str, status: int) -> None:
    staged = lab.prefect.deploy

    def deploy_then_refuse(deployment):  # type: ignore[no-untyped-def]
        made = staged(deployment)
        if not deployment.name.endswith(("-probe", "--twin")):
            lab.prefect.refuse(REQUESTS[door], status, {"detail": "no"})
        return made

    lab.prefect.deploy = deploy_then_refuse  # type: ignore[method-assign]
    entry = lab.trial(OUTAGE, door)
    assert entry.outcome == "error"
    assert f"answered {status}" in entry.reason
    assert judged(entry)["treated"] == KEPT, "its runs are still accounted for"


@pytest.mark.rule("automation-asked-again", "An automation is sent its event again until it acts.")
def test_an_automation_that_the_server_does_not_know_yet_is_sent_its_event_again(lab: FakeLab) -> None:
    lab.prefect.events_missed = 2
    entry = lab.trial(OUTAGE, "pause-by-automation")
    assert entry.outcome == "survived", entry.reason
    assert len([event for event in lab.prefect.events if event["event"] == "survival.door"]) == 3
    assert lab.prefect.automations == [], "nothing is left that could pause it again"
    report = (lab.plan.folder / entry.folder / "report.md").read_text(encoding="utf-8")
    assert "- `paused` of `treated`: `False` before, `True` after." in report


def test_an_automation_that_does_nothing_is_an_error_that_says_what_was_seen(lab: FakeLab) -> None:
    lab.prefect.events_missed = 10**6
    entry = lab.trial(OUTAGE, "pause-by-automation")
    assert entry.outcome == "error"
    assert "the event was sent, and there is no prefect.automation.action.executed" in entry.reason


@pytest.mark.rule(
    "automation-by-its-action", "An automation is proven once its action has ended, not once the deployment is paused."
)
def test_an_automation_whose_action_has_not_ended_is_not_proven_though_the_deployment_is_paused(lab: FakeLab) -> None:
    lab.prefect.says_executed = False
    entry = lab.trial(OUTAGE, "pause-by-automation")
    assert entry.outcome == "error"
    assert "there is no prefect.automation.action.executed" in entry.reason


def test_a_door_that_fails_does_not_take_another_trial_of_its_staging_with_it(lab: FakeLab) -> None:
    lab.prefect.refuse("/pause_deployment$", 409, {"detail": "no"})
    broken, sound = lab.trials(OUTAGE, doors=["pause-deployment", "patch-deployment"])
    assert broken.outcome == "error" and "answered 409" in broken.reason
    assert judged(sound) == verdict("survived", treated=KEPT, twin=KEPT)


@pytest.mark.rule("trial-fails-alone", "A trial that fails does not take another trial of its staging with it.")
def test_a_door_that_raises_does_not_take_another_trial_of_its_staging_with_it(lab: FakeLab) -> None:
    lab.prefect.refuse("/pause_deployment$", 0, None)
    broken, sound = lab.trials(OUTAGE, doors=["pause-deployment", "patch-deployment"])
    assert broken.outcome == "error" and "in phase trigger" in broken.reason
    assert judged(sound) == verdict("survived", treated=KEPT, twin=KEPT)


def test_a_503_in_the_door_is_tried_again_and_told_apart_from_its_effect(lab: FakeLab) -> None:
    lab.prefect.refuse("/pause_deployment$", 503, {"detail": "database is locked"}, times=2)
    entry = lab.trial(OUTAGE, "pause-deployment")
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT)
    assert lab.prefect.refusals_left == 0


@pytest.mark.rule("error-request-not-logged", "A request that the server's access log does not show proves nothing.")
@pytest.mark.parametrize("door", ["deploy-unchanged", "deploy-parameters", PREFECT_DEPLOY])
def test_a_deploy_to_another_server_is_not_proven(lab: FakeLab, door: str) -> None:
    staged = lab.prefect.deploy

    def deploy_then_elsewhere(deployment):  # type: ignore[no-untyped-def]
        made = staged(deployment)
        lab.site.deploys_elsewhere = not deployment.name.endswith(("-probe", "--twin"))
        return made

    lab.prefect.deploy = deploy_then_elsewhere  # type: ignore[method-assign]
    entry = lab.trial(OUTAGE, door)
    assert entry.outcome == "error"
    assert "exited 0, but this server's" in entry.reason


@pytest.mark.rule("error-null-door-changed", "The null door is an error if the deployment changed meanwhile.")
def test_the_null_door_is_no_null_door_where_the_deployment_changed_meanwhile(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    seen: list[int] = []

    def change() -> None:
        backlog.deployment("treated").description = "somebody else's"
        seen.append(1)

    lab.prefect.on_request("^GET /health", 2, change)
    entry = lab.trial(OUTAGE, "none")
    assert seen
    assert entry.outcome == "error"
    assert "description changed" in entry.reason


@pytest.mark.rule("error-effect-stays", "What a door must leave as it was has to be as it was.")
def test_a_sibling_that_was_answered_and_is_still_there_is_an_error(lab: FakeLab) -> None:
    lab.prefect.refuse("^DELETE .*/schedules/", 204, None)
    entry = lab.trial(OUTAGE, "delete-sibling")
    assert entry.outcome == "error"
    assert "does not show what it was to do" in entry.reason


def test_a_sibling_that_stays_while_the_other_schedule_is_deleted_is_an_error(lab: FakeLab) -> None:
    def delete_the_other() -> None:
        lab.backlog(OUTAGE).deployment("treated").rrule = ""

    lab.prefect.on_request("^DELETE .*/schedules/", 1, delete_the_other)
    lab.prefect.refuse("^DELETE .*/schedules/", 204, None)
    entry = lab.trial(OUTAGE, "delete-sibling")
    assert entry.outcome == "error"
    assert "does not show what it was to do" in entry.reason


@pytest.mark.rule("error-nonce-on-the-twin", "A door whose nonce the twin shows too is not proven.")
def test_parameters_that_a_deploy_gives_to_the_twin_too_are_an_error(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)

    def give() -> None:
        backlog.deployment("twin").parameters = backlog.deployment("treated").parameters

    backlog.on_update(give)
    entry = lab.trial(OUTAGE, "deploy-parameters")
    assert entry.outcome == "error"
    assert "the twin bears the nonce" in entry.reason
