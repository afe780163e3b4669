"""What a trial comes to when a fault is planted: outcome and every count, from staging to results.json.

Each test plants one thing in a Prefect that is otherwise sound, and takes a trial through the real phases,
checkers and verdict.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.lab.lab import Lab
from harness.runs.one_lab import try_lab
from harness.trials import phases
from harness.trials.scenario import load_scenarios
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_CONTRADICTED, EXIT_UNJUDGED, exit_code, said
from harness.words.names import PREFECT_DEPLOY, WARP
from harness.words.redaction import redact
from tests.fakes import fake_api, fake_prefect
from tests.fakes.fake_api import WRONG_ROUTE
from tests.fakes.fake_lab import Backlog, FakeLab, counts, judged, ticks_of, verdict
from tests.fakes.fake_prefect import KILLED, UPDATE_BEGINS, Run
from tests.fakes.fake_site import FakeSite

Rows = list[dict[str, Any]]
Change = Callable[[int, Rows, dict[str, Any]], tuple[int, Rows]]  # from what a listing answers, and what was asked
KEPT = counts(at_risk=3, kept=3)
NONE = counts()
LOOK_UP = "^GET /flow_runs/"
OUTAGE, LIMIT = LIFTED = ("worker-outage", "concurrency-limit")  # whose fault is lifted; a retry comes by itself


# Nothing planted.


@pytest.mark.rule("fault-is-lifted", "The fault is lifted before the drain.")
@pytest.mark.rule("looked-up-after-the-drain", "Every run is looked up again after the drain.")
def test_a_sound_prefect_survives_and_nothing_else(lab: FakeLab, scenario: str) -> None:
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT)
    assert (entry.as_expected, exit_code([entry])) == (True, EXIT_AS_EXPECTED)


@pytest.mark.parametrize("variant", ["pool", "queue", "worker"])
def test_behind_a_limit_of_a_pool_a_queue_or_a_worker_a_sound_prefect_keeps_what_is_late(
    lab: FakeLab, variant: str
) -> None:
    entry = lab.trial(f"late-by-limit-{variant}")
    one_ran, none_ran = counts(at_risk=3, kept=3), counts(at_risk=4, kept=4)
    assert entry.outcome == "survived"
    assert [judged(entry)["treated"], judged(entry)["twin"]] in ([one_ran, none_ran], [none_ran, one_ran])


@pytest.mark.rule("prefetch-as-declared", "A scenario's worker prefetches for as long as the scenario says.")
def test_a_run_asks_for_its_slot_before_a_busy_server_can_call_it_late(lab: FakeLab) -> None:
    # As on 3.0.8: the answer takes seconds, and a worker asks for a run once.
    lab.prefect.asking, lab.prefect.asks_once = timedelta(seconds=4), True
    entry = lab.trial(LIMIT)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason


@pytest.mark.rule("drain-restarts-idle-worker", "A worker that leaves overdue runs alone is started again.")
@pytest.mark.rule("restarts-are-said", "A verdict says that a worker had to be started again.")
def test_a_worker_that_asks_for_a_slot_once_is_started_again_until_every_run_has_had_it(lab: FakeLab) -> None:
    lab.prefect.asks_once = True
    entry = lab.trial(LIMIT)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    assert len(restarts(lab, LIMIT)) == 3
    assert "until it was started again (3 times)" in entry.reason
    assert not [event for event in lab.history(LIMIT) if event["kind"] == "worker-restarted"]


@pytest.mark.rule("drain-says-what-was-taken", "The history names the runs that a killed worker had just taken.")
def test_a_run_that_an_idle_worker_took_at_the_last_moment_is_no_verdict(lab: FakeLab) -> None:
    backlog, kills, lab.prefect.asks_once = lab.backlog(LIMIT), iter(range(1)), True

    def take_one() -> None:
        if next(kills, None) is not None:
            (run,) = backlog.at_risk()[-1:]
            backlog.move_to([run], "PENDING", "Pending")
            run.expected += timedelta(days=1)  # it stays Pending

    lab.prefect.on(f"worker-{LIMIT}", KILLED, take_one)
    entry = lab.trial(LIMIT)
    assert entry.outcome == "inconclusive"
    assert "the worker had ended meanwhile" in entry.reason
    (note,) = (event["text"] for event in lab.history(LIMIT) if event["kind"] == "worker-restarted")
    assert note.startswith("the worker was killed with ")


@pytest.mark.rule("drain-not-before-due", "A run that is not due yet is no reason to start a worker again.")
def test_a_run_that_is_not_due_yet_is_no_reason_to_start_a_worker_again(
    lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_prefect, "RETRY_DELAY", timedelta(seconds=60))
    assert lab.trial("awaiting-retry").outcome == "survived"
    assert not restarts(lab, "awaiting-retry")


@pytest.mark.rule("slow-begin-is-waited-for", "Staging waits for as long as runs take to begin on this machine.")
def test_runs_are_waited_for_as_long_as_they_take_to_begin_on_a_machine_as_slow_as_this_one(
    lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.deadlines = replace(lab.deadlines, backlog=0.5)
    slow = property(lambda _: 2.0, lambda _, seconds: None)
    monkeypatch.setattr(Lab, "start_seconds", slow, raising=False)
    lab.prefect.run_seconds = 8  # a first try takes so long
    assert lab.trial("awaiting-retry").outcome == "survived"
    assert not [event for event in lab.history("awaiting-retry") if event["kind"] == "note"]


@pytest.mark.rule("drain-silence-is-no-sign", "While the server does not answer, no worker is started again.")
def test_a_server_that_stands_still_is_no_reason_to_start_a_worker_again(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)

    def stand_still() -> None:
        runs = [*backlog.at_risk(), *backlog.at_risk("twin")]
        never_pick_up(runs)
        lab.prefect.on_request("^POST /flow_runs/filter", 2, lambda: lab.clock.sleep(30))
        lab.prefect.on_request("^POST /flow_runs/filter", 4, lambda: go_on(runs))

    def go_on(runs: list[Run]) -> None:
        for run in runs:
            run.never_picked_up = False

    backlog.on_lift(stand_still)
    assert judged(lab.trial(OUTAGE)) == verdict("survived", treated=KEPT, twin=KEPT)
    assert not restarts(lab, OUTAGE)


def restarts(lab: FakeLab, scenario: str) -> list[str]:
    acts = [event["what"] for event in lab.history(scenario) if event["kind"] == "act"]
    return [what for what in acts if "start it again: no overdue run has moved" in what]


@pytest.mark.parametrize("variant", ["late", "ahead"])
def test_runs_that_a_person_scheduled_are_at_risk_and_kept(lab: FakeLab, variant: str) -> None:
    entry = lab.trial(f"user-created-{variant}")
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT)


@pytest.mark.parametrize("variant", ["late", "ahead"])
def test_runs_that_a_person_scheduled_and_an_update_deletes_are_lost(lab: FakeLab, variant: str) -> None:
    backlog = lab.backlog(f"user-created-{variant}")
    backlog.on_update(lambda: backlog.delete(backlog.at_risk()[:2]))
    entry = lab.trial(f"user-created-{variant}")
    assert judged(entry) == verdict("lost", treated=counts(at_risk=3, kept=1, lost=2), twin=KEPT)


@pytest.mark.rule("drain-restarts-dead-worker", "A worker that ended by itself during the drain is started again.")
def test_a_worker_that_ends_by_itself_in_the_drain_is_started_again_and_said_to_be(lab: FakeLab) -> None:
    backlog, deaths = lab.backlog(OUTAGE), iter(range(2))

    def die() -> None:
        if next(deaths, None) is not None:
            lab.site.node(f"worker-{OUTAGE}").dies()

    backlog.on_lift(die)
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    notes = [event for event in lab.history(OUTAGE) if event["kind"] == "worker-restarted"]
    assert [note["text"] for note in notes] == ["the worker had ended by itself, and was started again"] * 2
    assert notes[0]["log"] == f"the log of worker-{OUTAGE}"


@pytest.mark.rule("dying-worker-is-no-verdict", "Runs that a dying worker took with it are no verdict.")
def test_a_run_that_a_dying_worker_took_with_it_is_no_verdict(lab: FakeLab) -> None:
    backlog, deaths = lab.backlog(OUTAGE), iter(range(1))

    def die() -> None:
        if next(deaths, None) is not None:
            backlog.move_to(backlog.at_risk()[:1], "CRASHED", "Crashed")
            lab.site.node(f"worker-{OUTAGE}").dies()

    backlog.on_lift(die)
    entry = lab.trial(OUTAGE)
    assert (entry.outcome, entry.altered) == ("inconclusive", 1), entry.reason
    assert "the worker had ended meanwhile" in entry.reason


def test_a_worker_that_always_ends_again_is_let_go_and_there_is_no_verdict(lab: FakeLab) -> None:
    lab.backlog(OUTAGE).on_lift(lambda: lab.site.node(f"worker-{OUTAGE}").dies())
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "inconclusive", entry.reason


@pytest.mark.rule("company-changes-nothing", "A trial comes to the same alone and in company.")
def test_a_trial_alone_and_the_same_in_company_come_to_the_same(lab: FakeLab, tmp_path: Path) -> None:
    company = FakeLab(tmp_path / "company", lab.clock)
    for each in (lab, company):
        outage = each.backlog(OUTAGE)
        outage.on_update(lambda outage=outage: outage.delete(outage.at_risk()[:1]))  # type: ignore[misc]
    alone = lab.trial(OUTAGE)
    outage_entry, limit_entry = company.trials(OUTAGE, LIMIT)
    lost_one = verdict("lost", treated=counts(at_risk=3, kept=2, lost=1), twin=KEPT)
    assert judged(alone) == judged(outage_entry) == lost_one
    assert judged(limit_entry) == verdict("survived", treated=KEPT, twin=KEPT)


# Runs that the update takes away.


@pytest.mark.rule("lost-one-is-enough", "One lost run is enough for lost.")
def test_a_deploy_that_deletes_one_run_of_three_is_lost(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_update(lambda: backlog.delete(backlog.at_risk()[1:2]))
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("lost", treated=counts(at_risk=3, kept=2, lost=1), twin=KEPT)
    assert (entry.as_expected, exit_code([entry])) == (False, EXIT_CONTRADICTED)


@pytest.mark.rule("lost-asked-twice", "A run that is not found is asked for a second time.")
def test_a_deploy_that_deletes_every_run_is_lost(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_update(lambda: backlog.delete(backlog.at_risk()))
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("lost", treated=counts(at_risk=3, lost=3), twin=KEPT)
    assert "3 of 3 runs at risk are gone" in entry.reason


@pytest.mark.rule("recreated-counted", "Lost runs that were made again are counted.")
def test_runs_deleted_and_made_again_under_a_new_id_are_lost_and_counted_as_recreated(
    lab: FakeLab, scenario: str
) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_update(lambda: backlog.delete_and_recreate(backlog.at_risk()[:2]))
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("lost", treated=counts(at_risk=3, kept=1, lost=2, recreated=2), twin=KEPT)


@pytest.mark.rule("lost-after-the-drain", "A run that is gone only after the drain is lost.")
@pytest.mark.parametrize("scenario", LIFTED)
def test_a_run_deleted_only_during_the_drain_is_lost_and_the_look_is_named(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    gone: list[str] = []

    def delete_one() -> None:
        (run,) = backlog.at_risk()[:1]
        gone.append(run.id)
        backlog.delete([run])

    backlog.on_lift(delete_one)
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("lost", treated=counts(at_risk=3, kept=2, lost=1), twin=KEPT)
    (fate,) = (fate for fate in lab.saved(scenario)["fates"] if fate["run"] in gone)
    assert fate["fate"] == "lost"
    assert "after the drain" in fate["why"]


@pytest.mark.rule("gone-and-back", "A run that was gone and is there again forbids a verdict.")
@pytest.mark.rule("flaws-forbid-a-verdict", "A history that contradicts itself has no verdict.")
def test_a_run_that_was_gone_and_is_there_again_forbids_a_verdict(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    taken: list[Run] = []

    def take() -> None:
        taken.extend(backlog.at_risk()[:1])
        backlog.delete(taken)

    backlog.on_update(take)
    backlog.on_lift(lambda: lab.prefect.runs.update({run.id: run for run in taken}))
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("inconclusive", treated=counts(at_risk=3, kept=2, lost=1), twin=KEPT)
    assert "there again after the drain" in entry.reason


@pytest.mark.rule("error-server-died", "If the server died, the error says so.")
@pytest.mark.parametrize("scenario", LIFTED)
def test_the_fates_are_recorded_when_the_server_dies_in_the_drain_after_the_loss(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_update(lambda: backlog.delete(backlog.at_risk()))
    backlog.on_lift(lab.prefect.die)
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("error", treated=counts(at_risk=3, lost=3), twin=KEPT)
    assert "in phase drain: the server ended with exit code 0" in entry.reason
    assert (lab.saved(scenario)["source"], exit_code([entry])) == ("server", EXIT_UNJUDGED)
    assert lab.saved(scenario)["log"].endswith("Killed")


# The precondition.


@pytest.mark.rule(
    "slot-is-held-at-the-door", "A door is opened only while the slot is held and nothing about it is about to change."
)
def test_the_door_stays_shut_until_a_run_holds_the_slot_again(lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phases, "load_scenarios", load_scenarios)  # with the run to spare
    asked_ahead = timedelta(seconds=load_scenarios()[LIMIT].prefetch_seconds or 0)
    crashed: list[Run] = []
    advance = lab.prefect.advance

    def advance_and_crash_the_first_holder() -> None:
        advance()
        waiting = lab.backlog(LIMIT).at_risk()
        every_tick_is_past = all(run.expected < lab.clock.now() for run in waiting)
        if len(waiting) == len(lab.backlog(LIMIT).at_risk("twin")) == 3 and every_tick_is_past and not crashed:
            crashed.extend(run for run in lab.prefect.runs_of(f"{LIMIT}-treated") if run.state_type == "RUNNING")
            lab.prefect.set_state(crashed[0], "CRASHED", "Crashed")
            for run in waiting:
                run.next_start = lab.clock.now() + asked_ahead + timedelta(seconds=3)  # so long the slot is free

    monkeypatch.setattr(lab.prefect, "advance", advance_and_crash_the_first_holder)
    entry = lab.trial(LIMIT)
    assert len(crashed) == 1
    assert judged(entry) == verdict("survived", treated=counts(at_risk=2, kept=2), twin=KEPT)
    (listing,) = (e for e in lab.history(LIMIT) if e["kind"] == "listing" and e["when"] == "before the door")
    states = sorted(run["state_name"] for run in listing["runs"] if run["side"] == "treated")
    assert states == [*["AwaitingConcurrencySlot"] * 2, "Crashed", "Running"]


# Runs that the update changes.


@pytest.mark.rule("altered-one-is-enough", "One altered run is enough for altered.")
def test_a_run_that_the_update_cancels_is_altered(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_update(lambda: backlog.move_to(backlog.at_risk()[:1], "CANCELLED", "Cancelled"))
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, kept=2, altered=1), twin=KEPT)
    assert "Cancelled after the door" in entry.reason


def rename(run: Run) -> None:
    run.name = "another name"


def move_to_another_queue(run: Run) -> None:
    run.work_queue_name = "another queue"


def move_to_another_pool(run: Run) -> None:
    run.work_pool_name = "another pool"


def move_to_another_time(run: Run) -> None:
    run.expected = run.expected.replace(year=2029)


def give_other_parameters(run: Run) -> None:
    run.parameters = {"note": "another"}


def give_other_job_variables(run: Run) -> None:
    run.job_variables = {"env": {"STAGE": "another"}}


def tag(run: Run) -> None:
    run.tags = ["another"]


def give_to_another_flow(run: Run) -> None:
    run.flow = "another flow"


def give_another_key(run: Run) -> None:
    run.idempotency_key = "another"


def move_by_20_seconds(run: Run) -> None:
    run.next_start = run.expected + timedelta(seconds=20)


@pytest.mark.rule(
    "tick-is-expected-start", "A run's tick is its `expected_start_time`; a run with another one is altered."
)
@pytest.mark.rule("altered-renamed", "A run with another name is altered.")
@pytest.mark.rule("altered-queue", "A run in another work queue is altered.")
@pytest.mark.rule("altered-pool", "A run in another work pool is altered.")
@pytest.mark.rule("survived-none-altered", "Survived means that no run at risk was altered.")
@pytest.mark.rule("altered-parameters", "A run with other parameters is altered.")
@pytest.mark.rule("altered-time", "A run that waits for its time and is given another one is altered.")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (rename, "name"),
        (give_other_parameters, "parameters"),
        (give_other_job_variables, "job_variables"),
        (tag, "tags"),
        (give_to_another_flow, "flow_id"),
        (give_another_key, "idempotency_key"),
        (move_by_20_seconds, "next_scheduled_start_time"),
        (move_to_another_queue, "work_queue_name"),
        (move_to_another_time, "expected_start_time"),
        (move_to_another_pool, "work_pool_name"),
    ],
)
def test_a_run_that_the_update_renames_or_moves_is_altered_though_it_completes(
    lab: FakeLab, change: Callable[[Run], None], named: str
) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_update(lambda: change(backlog.at_risk()[0]))
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, kept=2, altered=1), twin=KEPT)
    assert f"{named} was " in entry.reason


@pytest.mark.rule("altered-completed-never-ran", "A run that is called Completed and never ran is altered.")
@pytest.mark.rule(
    "executed-if-ended-completed", "A run whose last state is Completed, and that was never executed, never ran."
)
@pytest.mark.parametrize("moment", ["update", "lift"])
@pytest.mark.parametrize("scenario", LIFTED)
def test_a_run_that_is_called_completed_and_never_ran_is_altered(lab: FakeLab, scenario: str, moment: str) -> None:
    backlog = lab.backlog(scenario)
    strike = backlog.on_update if moment == "update" else backlog.on_lift
    strike(lambda: backlog.move_to(backlog.at_risk()[:1], "COMPLETED", "Completed"))
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, kept=2, altered=1, never_ran=1), twin=KEPT)
    assert "never Running since it was listed" in entry.reason


def test_a_retry_that_is_called_completed_and_did_not_run_again_is_altered(lab: FakeLab) -> None:
    backlog = lab.backlog("awaiting-retry")
    backlog.on_update(lambda: backlog.move_to(backlog.at_risk()[:1], "COMPLETED", "Completed"))
    entry = lab.trial("awaiting-retry")
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, kept=2, altered=1, never_ran=1), twin=KEPT)


@pytest.mark.parametrize("ended", ["FAILED", "CRASHED", "COMPLETED"])
def test_a_run_that_the_door_ends_a_moment_before_its_answer_was_at_risk_and_is_altered(
    lab: FakeLab, ended: str
) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on(UPDATE_BEGINS, lambda: backlog.move_to(backlog.at_risk()[:1], ended, ended.title()))
    entry = lab.trial(OUTAGE)
    never_ran = int(ended == "COMPLETED")
    altered = counts(at_risk=3, kept=2, altered=1, never_ran=never_ran)
    assert judged(entry) == verdict("altered", treated=altered, twin=KEPT), entry.reason


@pytest.mark.rule("altered-inserted-again", "A run that was deleted and made again under its id is altered.")
@pytest.mark.parametrize("moment", ["update", "lift"])
def test_a_run_that_is_deleted_and_made_again_under_its_id_is_altered(lab: FakeLab, moment: str) -> None:
    backlog = lab.backlog(OUTAGE)

    def make_again() -> None:
        run = backlog.at_risk()[0]
        backlog.delete([run])
        lab.clock.sleep(0.01)
        again = lab.prefect.add_run(run.deployment, run.expected, auto_scheduled=True, run_id=run.id)
        again.name = run.name

    (backlog.on_update if moment == "update" else backlog.on_lift)(make_again)
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, kept=2, altered=1), twin=KEPT), entry.reason


def test_a_twin_that_was_altered_is_no_control(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_update(lambda: tag(backlog.at_risk("twin")[0]))
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("inconclusive", treated=KEPT, twin=counts(at_risk=3, kept=2, altered=1))
    assert "the twin, which nobody updated, were altered too" in entry.reason


@pytest.mark.rule("times-are-instants", "Two times are compared as instants, whatever their offset.")
def test_times_with_another_offset_are_the_same_instants(lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    east = timezone(timedelta(hours=2))
    monkeypatch.setattr(fake_prefect, "stamp", lambda moment: moment.astimezone(east).isoformat())
    backlog = lab.backlog(OUTAGE)
    backlog.on(UPDATE_BEGINS, lambda: backlog.pick_up(backlog.at_risk()))
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("inconclusive", treated=NONE, twin=KEPT), entry.reason


@pytest.mark.rule("altered-deployment", "A run of another deployment is altered.")
def test_a_run_that_is_moved_to_another_deployment_is_altered(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)

    def move() -> None:
        backlog.at_risk()[0].deployment = backlog.deployment("probe")

    backlog.on_update(move)
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, kept=2, altered=1), twin=KEPT)
    assert "deployment_id was " in entry.reason


@pytest.mark.rule("altered-ended-otherwise", "A run that ended in another way than Completed is altered.")
def test_a_run_that_fails_while_the_whole_twin_completes_is_altered(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_update(lambda: fail(backlog.at_risk()[:1]))
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, kept=2, altered=1), twin=KEPT)
    assert "ended Failed, while the whole twin completed" in entry.reason


@pytest.mark.rule(
    "altered-only-if-twin-completed", "A run that ended otherwise is altered only if the whole twin completed."
)
def test_a_run_that_fails_while_one_of_the_twin_fails_too_is_inconclusive(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_update(lambda: fail([*backlog.at_risk()[:1], *backlog.at_risk("twin")[:1]]))
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("inconclusive", treated=KEPT, twin=KEPT)
    assert "the twin did not complete either (2 of 3)" in entry.reason


@pytest.mark.rule(
    "altered-not-by-busy-server", "A run that its worker gave up because the server was busy is not altered."
)
@pytest.mark.parametrize("scenario", LIFTED)
def test_a_run_that_its_worker_gave_up_on_a_busy_server_is_no_fate_of_the_doors(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)

    def give_up() -> None:
        (run,) = backlog.at_risk()[:1]
        lab.prefect.set_state(run, "CRASHED", "Crashed")
        run.states[-1]["message"] = "could not be submitted: Server error '503 Service Unavailable' for url '…'"

    backlog.on_lift(give_up)
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("inconclusive", treated=KEPT, twin=KEPT)
    assert "only 2 of 3 completed" in entry.reason
    assert "its worker gave it up" in entry.reason


def fail(runs: list[Run]) -> None:
    for run in runs:
        run.fails = True


def test_a_run_that_is_cancelled_while_one_of_the_twin_fails_is_inconclusive(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)

    def cancel_and_fail() -> None:
        backlog.move_to(backlog.at_risk()[:1], "CANCELLED", "Cancelled")
        fail(backlog.at_risk("twin")[:1])

    backlog.on_update(cancel_and_fail)
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("inconclusive", treated=counts(at_risk=3, kept=2, altered=1), twin=KEPT)


@pytest.mark.rule("stranded-counted", "Kept runs that never ran are counted as stranded.")
@pytest.mark.rule("stranded-one-is-enough", "One kept run that never ran is enough for stranded.")
@pytest.mark.rule(
    "drain-twin-shows-the-worker", "Runs that only the treated side is left with do not cause a worker's restart."
)
def test_a_kept_run_that_is_never_picked_up_though_nothing_holds_it_is_stranded(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_update(lambda: never_pick_up(backlog.at_risk()[:1]))
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("stranded", treated=counts(at_risk=3, kept=3, stranded=1), twin=KEPT)
    assert not restarts(lab, scenario)


def test_a_kept_run_that_never_runs_while_one_of_the_twin_never_does_either_is_inconclusive(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_update(lambda: never_pick_up([*backlog.at_risk()[:1], *backlog.at_risk("twin")[:1]]))
    entry = lab.trial(OUTAGE)
    stranded_one = counts(at_risk=3, kept=3, stranded=1)
    assert judged(entry) == verdict("inconclusive", treated=stranded_one, twin=stranded_one)


def never_pick_up(runs: list[Run]) -> None:
    for run in runs:
        run.never_picked_up = True


@pytest.mark.rule("stranded-nothing-held", "A run that waits for a slot that is still held is not stranded.")
def test_kept_runs_that_wait_for_a_slot_still_held_are_not_stranded(lab: FakeLab) -> None:
    backlog = lab.backlog(LIMIT)

    def never_end() -> None:
        (holder,) = (run for run in lab.prefect.runs_of(backlog.flow("treated")) if run.state_type == "RUNNING")
        holder.never_ends = True

    backlog.on_update(never_end)
    entry = lab.trial(LIMIT)
    assert judged(entry) == verdict("inconclusive", treated=KEPT, twin=KEPT)


@pytest.mark.rule("drain-waits-anew", "The drain waits anew whenever a run changes state.")
def test_the_drain_waits_anew_whenever_a_run_has_moved(lab: FakeLab) -> None:
    lab.backlog(LIMIT).on_lift(lambda: setattr(lab.prefect, "run_seconds", 15.0))
    started = lab.clock.monotonic()
    # One at a time, the runs take longer than the 20 s for which a drain waits when nothing moves.
    assert judged(lab.trial(LIMIT)) == verdict("survived", treated=KEPT, twin=KEPT)
    assert lab.clock.monotonic() - started > 60


@pytest.mark.rule("drain-cap", "The drain ends at its hard cap.")
def test_a_drain_cut_off_by_its_hard_cap_is_inconclusive_and_says_so(lab: FakeLab) -> None:
    lab.backlog(LIMIT).on_lift(lambda: setattr(lab.prefect, "run_seconds", 15.0))
    lab.deadlines = replace(lab.deadlines, drain_cap=40)
    entry = lab.trial(LIMIT)
    assert entry.outcome == "inconclusive"
    assert "the drain ended by: the hard cap of 40 s" in entry.reason


@pytest.mark.rule("at-risk-until-the-answer", "What is picked up between the door's answer and the look was at risk.")
@pytest.mark.rule("progressed-picked-up", "A run that is Pending or Running, or ended after it ran, has progressed.")
def test_runs_picked_up_between_the_answer_and_the_look_have_progressed_and_survive(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_update(lambda: backlog.pick_up(backlog.at_risk()[:2]))
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("survived", treated=counts(at_risk=3, kept=1, progressed=2), twin=KEPT)


# Nothing, or too little, at risk.


@pytest.mark.rule(
    "at-risk-unless-picked-up", "A run that a worker had picked up before the door was answered was not at risk."
)
@pytest.mark.rule("at-risk-listing-only-if-gone", "The listing decides what was at risk only for a run that is gone.")
def test_runs_picked_up_before_the_door_was_answered_were_never_at_risk(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on(UPDATE_BEGINS, lambda: backlog.pick_up(backlog.at_risk()))
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("inconclusive", treated=NONE, twin=KEPT)
    assert "0 runs of the treated deployment were at risk" in entry.reason


@pytest.mark.rule("states-are-shown", "A run of which the server shows no states has no fate.")
def test_runs_whose_state_history_the_server_does_not_show_have_no_fate(lab: FakeLab) -> None:
    lab.prefect.refuse("^GET /flow_run_states/", 200, [])
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("inconclusive", treated=counts(at_risk=3), twin=counts(at_risk=3))
    assert "the server shows no state of it" in entry.reason


def test_a_scheduler_that_never_makes_a_run_is_inconclusive_and_never_survived(lab: FakeLab, scenario: str) -> None:
    lab.prefect.schedules_runs = False
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("inconclusive", treated=NONE, twin=NONE)
    assert (entry.as_expected, exit_code([entry])) == (None, EXIT_UNJUDGED)


@pytest.mark.rule("minimum-on-both-sides", "Too few runs at risk on either side is inconclusive.")
@pytest.mark.parametrize("short", ["treated", "twin"])
def test_one_run_too_few_at_risk_on_either_side_is_inconclusive(
    lab: FakeLab, scenario: str, short: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_prefect, "RETRY_DELAY", timedelta(seconds=60))  # longer than the missing run is waited for
    backlog = lab.backlog(scenario)

    def complete_the_last(run: Run) -> None:
        ticks = run.deployment.ticks(lab.clock.now())
        if run.deployment.family == backlog.flow(short) and run.expected == ticks[-1]:
            lab.prefect.set_state(run, "COMPLETED", "Completed")

    lab.prefect.on_new_run = complete_the_last
    few = counts(at_risk=2, kept=2)
    entry = lab.trial(scenario)
    expected = {"treated": KEPT, "twin": KEPT} | {short: few}
    assert judged(entry) == verdict("inconclusive", **expected)
    assert f"2 runs of the {short} deployment were at risk, 3 are needed" in entry.reason


# The control.


@pytest.mark.rule("lost-twin-is-no-control", "If the twin lost runs too, there is no verdict.")
def test_a_twin_that_loses_runs_too_makes_the_loss_inconclusive(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_update(lambda: backlog.delete([*backlog.at_risk(), *backlog.at_risk("twin")[:1]]))
    entry = lab.trial(scenario)
    lost, lost_one = counts(at_risk=3, lost=3), counts(at_risk=3, kept=2, lost=1)
    assert judged(entry) == verdict("inconclusive", treated=lost, twin=lost_one)
    assert "lost 1 of 3 too" in entry.reason


def test_a_twin_that_loses_runs_alone_is_inconclusive_and_never_survived(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_lift(lambda: backlog.delete(backlog.at_risk("twin")[:1]))
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("inconclusive", treated=KEPT, twin=counts(at_risk=3, kept=2, lost=1))


def test_a_server_that_has_lost_both_sides_is_inconclusive(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    backlog.on_update(lab.prefect.runs.clear)
    entry = lab.trial(scenario)
    # With no run of the twin that answers, nothing tells a deletion from a server that knows nothing any more.
    unknown = counts(at_risk=3)
    assert judged(entry) == verdict("inconclusive", treated=unknown, twin=unknown)


def test_a_server_that_loses_the_whole_twin_in_the_drain_is_inconclusive(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_update(lambda: backlog.delete(backlog.at_risk()))
    backlog.on_lift(lab.prefect.runs.clear)
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "inconclusive"
    assert entry.twin.kept == 0


def test_a_twin_that_vanishes_between_its_look_ups_and_those_of_the_treated_runs_is_no_control(lab: FakeLab) -> None:
    lab.backlog(OUTAGE).on_lift(lambda: lab.prefect.on_request(LOOK_UP, 4, lab.prefect.runs.clear))
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "inconclusive", entry.reason
    assert entry.lost == 0


@pytest.mark.rule("unclean-twin-is-no-control", "If a run of the twin lacks what it had, there is no verdict.")
def test_a_purge_that_takes_what_runs_of_the_twin_along_is_not_the_doors(lab: FakeLab) -> None:
    backlog = lab.backlog(LIMIT)

    def purge() -> None:
        running = [run for run in lab.prefect.runs_of(backlog.flow("twin")) if run.state_type == "RUNNING"]
        backlog.delete([*backlog.at_risk()[:1], *running])

    backlog.on_update(purge)
    entry = lab.trial(LIMIT)
    assert entry.outcome == "inconclusive"
    assert "the twin, which nobody updated, is no control" in entry.reason


# Two sources, one answer.


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], None]:
    """Changes what each listing of flow runs answers from now on."""

    def change(how: Change) -> None:
        answered = fake_api._list
        monkeypatch.setattr(fake_api, "_list", lambda prefect, body: how(*answered(prefect, body), body))

    return change


@pytest.mark.rule("sources-agree-answer", "An answer for a run that no listing has is not believed alone.")
def test_a_look_up_that_is_answered_from_a_cache_after_the_deletion_is_no_survival(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)

    def delete_and_answer_as_before() -> None:
        (run,) = backlog.at_risk()[:1]
        lab.prefect.refuse(f"^GET /flow_runs/{run.id}$", 200, fake_api._run_json(run))
        backlog.delete([run])

    backlog.on_update(delete_and_answer_as_before)
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "inconclusive"
    assert "is there when it is looked up, and is not listed by its id" in entry.reason


@pytest.mark.rule("sources-agree", "A run that is there and not listed, or gone and listed, forbids a verdict.")
@pytest.mark.parametrize("strikes", ["on_update", "on_lift"])
def test_a_listing_that_lacks_a_run_that_answers_forbids_a_verdict(
    lab: FakeLab, listing: Callable[[Change], None], strikes: str
) -> None:
    backlog = lab.backlog(OUTAGE)

    def hide_one() -> None:
        (hidden,) = backlog.at_risk()[:1]
        listing(lambda status, rows, _: (status, [row for row in rows if row["id"] != hidden.id]))

    getattr(backlog, strikes)(hide_one)
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "inconclusive", entry.reason
    assert "is there when it is looked up, and is not listed" in entry.reason


@pytest.mark.rule("sources-agree-listing", "A listing of a run that is gone is not believed alone.")
def test_a_listing_that_has_a_run_that_is_gone_forbids_a_verdict(
    lab: FakeLab, listing: Callable[[Change], None]
) -> None:
    backlog = lab.backlog(OUTAGE)

    def delete_and_list_as_before() -> None:
        (run,) = backlog.at_risk()[:1]
        ghost = fake_api._run_json(run)
        backlog.delete([run])
        listing(lambda status, rows, body: (status, [ghost, *rows] if body["offset"] == 0 else rows))

    backlog.on_update(delete_and_list_as_before)
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "inconclusive", entry.reason
    assert "is gone when it is looked up, and is listed by its id" in entry.reason


def test_a_row_twice_in_a_listing_is_one_run(lab: FakeLab, listing: Callable[[Change], None]) -> None:
    listing(lambda status, rows, _: (status, rows and [rows[0], *rows]))
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    assert ticks_of(entry).outcome == "whole"


@pytest.mark.rule("listing-pages-end", "A listing whose pages do not end is an error.")
def test_a_listing_whose_pages_do_not_end_is_an_error(lab: FakeLab, listing: Callable[[Change], None]) -> None:
    backlog = lab.backlog(OUTAGE)

    def list_one_run_for_ever() -> None:
        row = fake_api._run_json(backlog.at_risk()[0])
        listing(lambda status, _rows, _body: (status, [row] * fake_api.PAGE_LIMIT))

    backlog.on_update(list_one_run_for_ever)
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "error", entry.reason
    assert "holds nothing but what came before" in entry.reason


# The server's clock.


class OtherClock:
    """The server's clock, so many seconds before or behind that of the harness."""

    def __init__(self, lab: FakeLab) -> None:
        self._clock, self.ahead = lab.clock, 0.0

    def now(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.ahead)

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


@pytest.fixture
def server_clock(lab: FakeLab) -> OtherClock:
    lab.prefect.clock = other = OtherClock(lab)  # type: ignore[assignment]
    return other


@pytest.mark.parametrize("ahead", [12, 1, 0])
def test_a_servers_clock_that_is_ahead_does_no_harm(lab: FakeLab, server_clock: OtherClock, ahead: float) -> None:
    server_clock.ahead = ahead
    entry = lab.trial(OUTAGE, "pause-deployment")
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason


@pytest.mark.rule("clock-steps", "A server's clock that steps forbids a verdict.")
@pytest.mark.parametrize("step", [-3600, -5, 5, 3600])
@pytest.mark.parametrize("door", [PREFECT_DEPLOY, "pause-deployment"])
def test_a_servers_clock_that_steps_while_the_door_is_open_forbids_a_verdict(
    lab: FakeLab, server_clock: OtherClock, step: float, door: str
) -> None:
    def set_clock() -> None:
        server_clock.ahead = step

    lab.backlog(OUTAGE).on_update(set_clock)
    entry = lab.trial(OUTAGE, door)
    assert entry.outcome == "inconclusive", entry.reason
    assert "the server's clock went" in entry.reason


@pytest.mark.rule("clock-answer-in-time", "An answer from before the door was opened, or after it, forbids a verdict.")
def test_an_answer_from_before_the_door_was_opened_forbids_a_verdict(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)

    def say_an_hour_ago() -> None:
        backlog.deployment("treated").updated -= timedelta(hours=1)

    backlog.on_update(say_an_hour_ago)
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "inconclusive", entry.reason
    assert "by the server's clock, and was open from" in entry.reason


# The door.


@pytest.mark.rule(
    "error-no-nonce", "A door whose nonce the deployment does not show is not proven, even if it exits with 0."
)
def test_an_update_that_went_to_another_server_is_an_error_though_the_deploy_exits_0(
    lab: FakeLab, scenario: str
) -> None:
    lab.backlog(scenario).on(UPDATE_BEGINS, lambda: setattr(lab.site, "deploys_elsewhere", True))
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("error", treated=KEPT, twin=KEPT)
    assert "exited 0, but this server's treated deployment does not bear its nonce" in entry.reason
    assert "successfully created with id" in entry.reason
    assert exit_code([entry]) == EXIT_UNJUDGED


@pytest.mark.rule("error-door-exit-code", "A door that does not exit with 0 is an error.")
def test_a_deploy_that_exits_1_is_an_error_with_its_words_and_the_fates_are_recorded(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)

    def delete_and_fail() -> None:
        backlog.delete(backlog.at_risk())
        lab.site.deploy_exit_code, lab.site.deploy_says = 1, "prefect.exceptions.PrefectHTTPStatusError: 500"

    backlog.on_update(delete_and_fail)
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("error", treated=counts(at_risk=3, lost=3), twin=KEPT)
    assert "prefect-deploy exited 1: prefect.exceptions.PrefectHTTPStatusError: 500" in entry.reason
    assert lab.saved(OUTAGE)["source"] == "deployer"


def describe_twin(backlog: Backlog) -> None:
    backlog.deployment("twin").description = "touched"


def reschedule_twin(backlog: Backlog) -> None:
    backlog.deployment("twin").schedule_id = str(uuid.uuid4())


def limit_twin(backlog: Backlog) -> None:
    backlog.deployment("twin").concurrency_limit = 7


@pytest.mark.rule("error-twin-changed", "A door that changes the twin too is not proven.")
@pytest.mark.parametrize(
    ("touch", "named"),
    [(describe_twin, "description"), (reschedule_twin, "schedules"), (limit_twin, "concurrency_limit")],
)
def test_a_deploy_that_touches_the_twin_as_well_is_an_error(
    lab: FakeLab, touch: Callable[[Backlog], None], named: str
) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_update(lambda: touch(backlog))
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("error", treated=KEPT, twin=KEPT)
    assert f"the twin's {named} changed" in entry.reason


@pytest.mark.rule("error-no-answer-time", "A door is proven only if the server said when it answered.")
def test_a_server_that_does_not_say_when_it_updated_the_deployment_is_an_error(lab: FakeLab, scenario: str) -> None:
    lab.prefect.says_updated = False
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("error", treated=KEPT, twin=KEPT)
    assert "did not say when it updated" in entry.reason


# What the server answers to a look-up.


@pytest.mark.rule("lost-by-its-body", "A 404 counts only with the body `Flow run not found`.")
@pytest.mark.rule("lost-only-by-404", "No 401, 403, 5xx or time-out makes a run lost.")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(404, WRONG_ROUTE, id="404 of a wrong route"),
        pytest.param(401, {"detail": "Unauthorized"}, id="401"),
        pytest.param(403, {"detail": "Forbidden"}, id="403"),
        pytest.param(500, {"exception_message": "Internal Server Error"}, id="500"),
        pytest.param(0, None, id="no answer"),
    ],
)
def test_a_look_up_with_no_usable_answer_is_never_a_fate(lab: FakeLab, status: int, body: object) -> None:
    backlog = lab.backlog(OUTAGE)

    def refuse() -> None:
        ids = "|".join(run.id for run in backlog.at_risk())
        lab.prefect.refuse(f"{LOOK_UP}({ids})", status, body)

    backlog.on_update(refuse)
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("inconclusive", treated=counts(at_risk=3), twin=KEPT)


def test_a_wrong_route_for_all_look_ups_is_inconclusive(lab: FakeLab, scenario: str) -> None:
    lab.prefect.refuse(LOOK_UP, 404, WRONG_ROUTE)
    unknown = counts(at_risk=3)
    assert judged(lab.trial(scenario)) == verdict("inconclusive", treated=unknown, twin=unknown)


@pytest.mark.rule("lost-while-twin-answers", "A 404 counts only while a run of the twin answers 200.")
def test_deleted_runs_are_not_lost_while_no_run_of_the_twin_answers(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)

    def delete_and_refuse_the_twin() -> None:
        backlog.delete(backlog.at_risk())
        ids = "|".join(run.id for run in backlog.at_risk("twin"))
        lab.prefect.refuse(f"{LOOK_UP}({ids})", 401, {"detail": "Unauthorized"})

    backlog.on_update(delete_and_refuse_the_twin)
    unknown = counts(at_risk=3)
    assert judged(lab.trial(OUTAGE)) == verdict("inconclusive", treated=unknown, twin=unknown)


@pytest.mark.rule("refused-503-again", "A request that is answered with 503 is sent again.")
def test_a_server_that_answers_503_again_and_again_at_first_still_comes_to_survived(
    lab: FakeLab, scenario: str
) -> None:
    lab.prefect.refuse("^GET |/filter$", 503, {"detail": "database is locked"}, times=12)
    backlog = lab.backlog(scenario)
    backlog.on_update(lambda: lab.prefect.refuse("^GET |/filter$", 503, {"detail": "database is locked"}, times=12))
    assert judged(lab.trial(scenario)) == verdict("survived", treated=KEPT, twin=KEPT)
    assert lab.prefect.refusals_left == 0


@pytest.mark.rule("listing-all-pages", "All pages of a listing are read.")
def test_runs_beyond_the_first_page_of_a_listing_are_seen(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)

    def fill_the_first_pages() -> None:
        for number in range(430):
            run_id = f"ffffffff-0000-4000-8000-{number:012}"  # listed first: the listing goes by id, the greatest first
            deployment = backlog.deployment("treated")
            run = lab.prefect.add_run(deployment, lab.clock.now(), auto_scheduled=False, run_id=run_id)
            lab.prefect.set_state(run, "COMPLETED", "Completed")

    backlog.on("created", fill_the_first_pages)
    assert judged(lab.trial(scenario)) == verdict("survived", treated=KEPT, twin=KEPT)


def test_a_listing_that_grows_by_a_page_meanwhile_is_whole(lab: FakeLab) -> None:
    backlog, made = lab.backlog(OUTAGE), itertools.count()

    def make_a_page_of_runs() -> None:
        for number in itertools.islice(made, fake_api.PAGE_LIMIT):
            run_id = f"ffffffff-0000-4000-8000-{number:012}"  # listed first, as those that 3.9.1 makes last
            run = lab.prefect.add_run(
                backlog.deployment("treated"), lab.clock.now(), auto_scheduled=False, run_id=run_id
            )
            lab.prefect.set_state(run, "COMPLETED", "Completed")

    backlog.on("created", make_a_page_of_runs)
    backlog.on_update(lambda: lab.prefect.on_request("^POST /flow_runs/filter", 2, make_a_page_of_runs))
    assert judged(lab.trial(OUTAGE)) == verdict("survived", treated=KEPT, twin=KEPT)
    assert next(made) == 2 * fake_api.PAGE_LIMIT


# A lab that breaks.


def test_a_server_that_dies_while_observed_is_an_error_with_the_end_of_its_log(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_update(lambda: lab.prefect.on_request(LOOK_UP, 2, lab.prefect.die))
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("error", treated=counts(at_risk=3), twin=counts(at_risk=3))
    assert "in phase observe: the server ended" in entry.reason
    assert (lab.saved(OUTAGE)["source"], exit_code([entry])) == ("server", EXIT_UNJUDGED)
    assert lab.saved(OUTAGE)["log"].endswith("Killed")


@pytest.mark.rule("error-quotes-its-log", "An error quotes the log of the part that broke.")
def test_a_trial_that_the_server_refuses_quotes_the_servers_log(lab: FakeLab) -> None:
    lab.prefect.refuse("^POST /work_pools/", 403, {"detail": "Forbidden"})
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("error", treated=NONE, twin=NONE)
    assert "POST /work_pools/ answered 403" in entry.reason
    assert lab.saved(OUTAGE)["log"].endswith('"POST /api/work_pools/ HTTP/1.1" 403')


def test_a_server_that_never_gets_healthy_is_an_error_in_every_trial_of_the_lab(lab: FakeLab) -> None:
    lab.prefect.refuse("^GET /health", 500, "starting")
    for entry in lab.trials(OUTAGE, LIMIT):
        assert judged(entry) == verdict("error", treated=NONE, twin=NONE)
        assert "the server's health: not within" in entry.reason


@pytest.mark.rule("steady-state-never-came", "A steady state that never came is inconclusive, not an error.")
def test_a_worker_that_never_starts_is_inconclusive_and_its_log_is_quoted(lab: FakeLab, scenario: str) -> None:
    lab.site.workers_start = False
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("inconclusive", treated=NONE, twin=NONE)
    assert "the steady state never came" in entry.reason
    assert lab.saved(scenario)["log"] == f"the log of worker-{scenario}"


@pytest.mark.rule(
    "steady-state-completed", "A probe run that ends in another way than Completed shows no steady state."
)
def test_a_probe_run_that_fails_is_no_steady_state(lab: FakeLab, scenario: str) -> None:
    def fail_the_probe(run: Run) -> None:
        run.fails = run.deployment.name.endswith("--probe")

    lab.prefect.on_new_run = fail_the_probe
    entry = lab.trial(scenario)
    assert judged(entry) == verdict("inconclusive", treated=NONE, twin=NONE)
    assert "last seen: the probe run is Failed" in entry.reason


@pytest.mark.rule("error-wrong-version", "A part that says another version than the one asked for is an error.")
@pytest.mark.rule("error-worker-version", "The worker is asked for its version too.")
@pytest.mark.parametrize("role", ["server", "deployer", "worker"])
def test_a_part_that_says_another_version_is_an_error(lab: FakeLab, role: str) -> None:
    if role == "server":
        lab.prefect.version = "3.3.3"
    else:
        lab.site.versions[role] = "3.3.3"
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("error", treated=NONE, twin=NONE)
    assert f"the {role} says it is Prefect '3.3.3'; asked for was 3.9.1" in entry.reason


@pytest.mark.rule("worker-version-by-role", "A worker that is asked for as another version must say that version.")
def test_a_worker_that_is_to_be_another_than_the_server_must_be_that_one(lab: FakeLab) -> None:
    cell = msgspec.structs.replace(lab.cell(OUTAGE), versions={"worker": "3.3.3"})
    lab.plan.folder.mkdir(parents=True)
    lab.site.versions["worker"] = "3.3.3"
    (entry,) = try_lab(lab.plan, [cell], lab.site, lab.deadlines, lab.clock)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    assert entry.version == "3.9.1"


@pytest.mark.rule("staging-fails-alone", "A staging that fails does not take another staging with it.")
def test_one_trial_that_fails_does_not_take_the_other_with_it(lab: FakeLab) -> None:
    lab.prefect.refuse(
        "^GET /deployments/name/worker-outage--prefect-deploy/", 200, "no object, so that the harness fails"
    )
    broken, sound = lab.trials(OUTAGE, LIMIT)
    assert judged(broken) == verdict("error", treated=NONE, twin=NONE)
    assert "in phase stage: the harness itself failed" in broken.reason
    assert judged(sound) == verdict("survived", treated=KEPT, twin=KEPT)


@pytest.mark.rule("staging-cancels-earlier-runs", "Staging cancels the runs that an earlier try left.")
@pytest.mark.rule("staging-deploy-overran", "A staging deploy that took longer than to the first tick is done again.")
def test_a_staging_deploy_that_outlasts_the_first_tick_is_done_again(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    backlog.on("created", lambda: setattr(lab.site, "deploy_seconds", 10.0), side="probe")
    # A run of the first try holds the slot, and all of the second wait for it. What waits for its retry had begun at
    # the first try to deploy as well, and fails together with the others.
    many = {LIMIT: 4, "awaiting-retry": 6}.get(scenario, 3)
    kept = counts(at_risk=many, kept=many)
    assert judged(lab.trial(scenario)) == verdict("survived", treated=kept, twin=kept)
    notes = [event["text"] for event in lab.history(scenario) if event["kind"] == "note"]
    assert notes == ["the deploy took 10 s, past the first tick; again"]


@pytest.mark.rule("staging-lacks-runs", "A staging whose runs the scheduler did not make in time is done again.")
@pytest.mark.parametrize("scenario", ["awaiting-retry", "concurrency-limit", "worker-outage", "serve", "upcoming"])
def test_a_staging_whose_runs_the_scheduler_did_not_all_make_in_time_is_done_again(lab: FakeLab, scenario: str) -> None:
    backlog = lab.backlog(scenario)
    made: list[Run] = []

    def never_make_the_first(run: Run) -> None:
        if run.deployment.family == backlog.flow("treated") and run.auto_scheduled:
            made.append(run)
            if run.expected == made[0].expected:
                del lab.prefect.runs[run.id]

    lab.prefect.on_new_run = never_make_the_first
    door = load_scenarios()[scenario].usual_door
    entry = lab.trial(scenario, door)
    assert said(entry) in ("survived", "ticks whole"), entry.reason  # upcoming runs are made again, as they may
    notes = [event["text"] for event in lab.history(scenario, door) if event["kind"] == "note"]
    assert len(notes) == 1
    assert "had no run for 1 of" in notes[0] and notes[0].endswith("; again")


@pytest.mark.rule("schedules-nothing-at-once", "A server that schedules nothing gives its trials no verdict.")
@pytest.mark.rule("schedules-nothing-before-again", "Where the server schedules nothing, no staging is done again.")
def test_a_scheduler_that_makes_nothing_is_known_before_a_staging_is_done_again(lab: FakeLab) -> None:
    lab.prefect.schedules_runs = False
    lab.prefect.log.append("2030-01-01T00:00:00.1Z sqlalchemy.exc.InvalidRequestError: Can't evaluate")
    began = lab.prefect.clock.now()
    entries = lab.trials(OUTAGE, "concurrency-limit")
    assert [entry.outcome for entry in entries] == ["inconclusive"] * 2
    for entry in entries:
        assert "the server schedules nothing" in entry.reason
        assert entry.reason.endswith("in the server's log: sqlalchemy.exc.InvalidRequestError: Can't evaluate")
    assert lab.prefect.clock.now() - began < timedelta(seconds=60)
    assert [event["kind"] for event in lab.history(OUTAGE)].count("command") == 1


@pytest.mark.rule(
    "schedules-nothing-before-its-own-stage",
    "A scenario with a stage of its own is not staged before the scheduler has made a run.",
)
def test_no_clock_is_moved_on_a_server_that_schedules_nothing(lab: FakeLab) -> None:
    lab.prefect.schedules_runs, lab.lives_on = False, WARP
    entry = lab.trial("overnight-outage")
    assert (entry.outcome, "the server schedules nothing" in entry.reason) == ("inconclusive", True), entry.reason
    assert [event["kind"] for event in lab.history("overnight-outage")].count("clock-moved") == 1  # as the lab starts


@pytest.mark.rule(
    "schedules-nothing-before-its-ticks", "Ticks that cannot be chosen are not waited for where nothing is scheduled."
)
def test_a_schedule_that_ticks_whenever_it_does_is_given_up_as_soon(lab: FakeLab) -> None:
    lab.prefect.schedules_runs, lab.schedules = False, ("cron * * * * *",)
    lab.deadlines = replace(lab.deadlines, backlog=180.0)  # as on real servers
    began = lab.prefect.clock.now()
    entry = lab.trial(OUTAGE)
    assert (entry.outcome, "the server schedules nothing" in entry.reason) == ("inconclusive", True), entry.reason
    assert lab.prefect.clock.now() - began < timedelta(seconds=40)


@pytest.mark.rule(
    "schedules-nothing-own-ground",
    "That a server schedules nothing holds only for labs with the same subject and database.",
)
@pytest.mark.parametrize(
    ("scenario", "repetition", "outcome"),
    [(LIMIT, 1, "inconclusive"), (LIMIT, 2, "survived"), ("user-created-late", 1, "inconclusive")],
)
def test_a_later_lab_of_the_run_takes_the_word_that_its_server_schedules_nothing(
    lab: FakeLab, scenario: str, repetition: int, outcome: str
) -> None:
    lab.prefect.schedules_runs = False
    lab.trial(OUTAGE)
    door = load_scenarios()[scenario].usual_door
    cell = msgspec.structs.replace(lab.cell(scenario, door), lab="a later lab", repetition=repetition)
    # A sound server, so that a lab that asks for itself comes to another outcome.
    site = FakeSite(fake_prefect.FakePrefect(lab.clock, lab.prefect.version), lab.plan.lab_folder(cell.lab))
    (entry,) = try_lab(lab.plan, [cell], site, lab.deadlines, lab.clock)
    assert entry.outcome == outcome, entry.reason
    assert (f"(seen in the lab {lab.lab_name})" in entry.reason) is (outcome == "inconclusive")
    assert (not site.nodes) is (outcome == "inconclusive")  # nothing was started
    assert exit_code([entry]) == (EXIT_UNJUDGED if outcome == "inconclusive" else 0)


def test_a_server_with_settings_of_a_scenario_gives_no_word_for_others(lab: FakeLab) -> None:
    lab.prefect.schedules_runs = False
    assert lab.trial("overdue-unmarked").outcome == "inconclusive"
    assert not list(lab.plan.folder.glob("labs/*/schedules-nothing.json"))


def test_a_scheduler_that_makes_nothing_is_given_up_after_a_few_stagings(lab: FakeLab) -> None:
    def stop() -> None:
        lab.prefect.schedules_runs = False

    lab.prefect.on("worker-worker-outage", KILLED, stop)
    lab.prefect.log.append("2030-01-01T00:00:00.1Z sqlalchemy.exc.InvalidRequestError: Can't evaluate")
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "inconclusive"
    assert "in the server's log: sqlalchemy.exc.InvalidRequestError: Can't evaluate)" in entry.reason
    notes = [
        event["text"] for event in lab.history(OUTAGE) if event["kind"] == "note" and "had no run" in event["text"]
    ]
    assert [note.endswith("; again") for note in notes] == [True, True, False]


@pytest.mark.rule("history-no-secrets", "No secret is written into a history.")
def test_no_file_of_the_evidence_holds_a_secret(lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_values", ["hunter2hunter2"])
    backlog = lab.backlog(OUTAGE)

    def fail_with_the_secret() -> None:
        lab.prefect.log.append('INFO:     127.0.0.1:1 - "PATCH /api/deployments/?key=hunter2hunter2 HTTP/1.1" 500')
        lab.site.deploy_exit_code, lab.site.deploy_says = 1, "cannot log in with hunter2hunter2"

    backlog.on_update(fail_with_the_secret)
    lab.trial(OUTAGE)
    files = [path for path in lab.plan.folder.rglob("*") if path.is_file() and path.suffix != ".png"]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    assert {path.name for path, text in texts.items() if "cannot log in with ***" in text} >= {
        "history.jsonl",
        "verdict.json",
        "report.md",
    }
    assert {path.name for path, text in texts.items() if "?key=*** HTTP" in text} >= {"server.log", "report.md"}
    assert not any("hunter2" in text for text in texts.values())
