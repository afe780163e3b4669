"""Doors on pools, queues, workers and flow processes: each beside a twin that has a pool and a worker of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from harness.doors import load_doors
from harness.runs.plan import doors_of
from harness.trials.scenario import load_scenarios
from tests.fakes.fake_lab import FakeLab, counts, judged, verdict
from tests.fakes.fake_prefect import KILLED, Run
from tests.unit.plain import Line

DOORS = load_doors()
OUTAGE, LIMIT, RETRY = "worker-outage", "concurrency-limit", "awaiting-retry"
KEPT = counts(at_risk=3, kept=3)
KEEPING = ["pool-resume", "pool-limit", "queue-limit"]
HOLDING = ["pool-pause", "queue-pause"]
DELETING = ["pool-delete", "queue-delete"]
TO_WORKERS = ["worker-kill", "worker-restart", "worker-freeze"]


def parts(lab: FakeLab, scenario: str, door: str) -> list[Line]:
    """What a history says was done to parts of the lab."""
    return [event for event in lab.history(scenario, door) if event["kind"] == "part"]


def own_runs(lab: FakeLab, scenario: str, door: str) -> list[Run]:
    """The runs of a door's treated deployment, oldest tick first."""
    found = [run for run in lab.prefect.runs.values() if run.deployment.name == f"{scenario}--{door}"]
    return sorted(found, key=lambda run: run.expected)


@pytest.mark.parametrize("door", KEEPING)
@pytest.mark.parametrize("scenario", [OUTAGE, LIMIT])
def test_a_pool_or_a_queue_that_still_hands_out_runs_keeps_them(lab: FakeLab, scenario: str, door: str) -> None:
    entry = lab.trial(scenario, door)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason


@pytest.mark.parametrize("door", HOLDING)
def test_runs_in_a_pool_or_a_queue_that_stays_paused_are_stranded(lab: FakeLab, door: str) -> None:
    entry = lab.trial(OUTAGE, door)
    assert judged(entry) == verdict("stranded", treated=counts(at_risk=3, kept=3, stranded=3), twin=KEPT), entry.reason


@pytest.mark.rule("drain-held-back", "Runs that a door means to hold back are waited for a shorter time.")
def test_runs_that_are_held_back_as_they_should_be_are_waited_for_a_shorter_time(lab: FakeLab, tmp_path: Path) -> None:
    def ended(one: FakeLab, door: str) -> str:
        one.trial(OUTAGE, door)
        return next(str(event["ended"]) for event in one.history(OUTAGE, door) if event["kind"] == "drained")

    assert ended(lab, "pool-pause") == "no run changed state within 12 s"
    other = FakeLab(tmp_path / "other", lab.clock)
    other.prefect.on_new_run = lambda run: setattr(run, "never_picked_up", run.deployment.name.endswith("--none"))
    assert ended(other, "none") == "no run changed state within 40 s"


@pytest.mark.rule("drain-not-for-later", "Runs that are due later than the drain waits for are not waited for.")
@pytest.mark.parametrize(
    ("hours", "ended"), [(24, "every other run that is there has ended"), (0, "every run that is")]
)
def test_a_run_that_comes_much_later_is_not_waited_for(lab: FakeLab, hours: int, ended: str) -> None:
    def add_a_run() -> None:
        """As the scheduler does for a schedule that a door has added."""
        treated = lab.backlog(OUTAGE).at_risk()[0].deployment
        lab.prefect.add_run(treated, lab.clock.now() + timedelta(hours=hours, seconds=20), auto_scheduled=True)

    lab.backlog(OUTAGE).on_lift(add_a_run)
    entry = lab.trial(OUTAGE)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    (drained,) = (event for event in lab.history(OUTAGE) if event["kind"] == "drained")
    assert drained["ended"].startswith(ended), drained["ended"]


@pytest.mark.rule(
    "drain-later-is-a-first-time", "A run that found no slot is waited for, whatever the server's clock says."
)
def test_a_run_that_asks_again_by_a_clock_that_is_minutes_ahead_is_waited_for(lab: FakeLab) -> None:
    lab.prefect.clock.ahead = timedelta(seconds=300)
    lab.prefect.run_seconds = 3

    def limit() -> None:
        """As a door does that gives a deployment a concurrency limit of 1."""
        for deployment in lab.prefect.deployments.values():
            if deployment.family == "user-created-treated":
                deployment.concurrency_limit = 1

    lab.backlog("user-created-late").on_update(limit)
    entry = lab.trial("user-created-late", "patch-deployment")
    assert entry.outcome == "survived", entry.reason


@pytest.mark.rule("drain-not-for-the-dead", "A run whose process was killed is not waited for as long as others.")
def test_a_run_that_stays_running_without_a_process_is_not_waited_for_as_long(lab: FakeLab) -> None:
    def leave_it_running() -> None:
        """As a server does that gives the slot away, and leaves the run as it is."""
        holder = own_runs(lab, LIMIT, "worker-kill")[0]
        holder.never_ends = True
        holder.deployment.concurrency_limit = 2

    lab.prefect.on(f"worker-{LIMIT}--worker-kill", KILLED, leave_it_running)
    entry = lab.trial(LIMIT, "worker-kill")
    assert entry.outcome == "survived", entry.reason
    drained = next(event for event in lab.history(LIMIT, "worker-kill") if event["kind"] == "drained")
    assert drained["ended"] == "no run changed state within 12 s"


@pytest.mark.rule("drain-settles", "Runs that Prefect lets go on late after a door are waited for longer.")
def test_runs_that_wait_behind_a_dead_one_go_on_once_its_slot_is_free_again(lab: FakeLab) -> None:
    door = "worker-kill"
    runs_of_the_killed_never_end(lab, door)
    lab.deadlines = replace(lab.deadlines, drain_cap=600)
    freed = iter([1])

    def free() -> None:
        """As a lease ends: the run that held the slot has it no more."""
        holder = own_runs(lab, LIMIT, door)[0]
        since = lab.clock.now() - holder.expected
        if since > timedelta(seconds=300) and next(freed, 0):
            lab.prefect.set_state(holder, "CRASHED", "Crashed")

    advance = lab.prefect.advance

    def advance_and_free() -> None:
        if own_runs(lab, LIMIT, door):
            free()
        advance()

    lab.prefect.advance = advance_and_free  # type: ignore[method-assign]
    entry = lab.trial(LIMIT, door)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason


@pytest.mark.parametrize("door", DELETING)
def test_runs_whose_pool_or_queue_is_deleted_are_in_none_any_more(lab: FakeLab, door: str) -> None:
    entry = lab.trial(OUTAGE, door)
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, altered=3), twin=KEPT), entry.reason
    assert "is None" in entry.reason


@pytest.mark.parametrize("door", [*KEEPING, *HOLDING, *DELETING])
def test_a_door_on_a_pool_that_the_server_refuses_is_an_error(lab: FakeLab, door: str) -> None:
    staged = lab.prefect.deploy

    def deploy_then_refuse(deployment):  # type: ignore[no-untyped-def]
        made = staged(deployment)
        lab.prefect.refuse("^(PATCH|DELETE) /work_pools/", 403, {"detail": "no"})
        return made

    lab.prefect.deploy = deploy_then_refuse  # type: ignore[method-assign]
    entry = lab.trial(OUTAGE, door)
    assert entry.outcome == "error"
    assert "answered 403" in entry.reason


@pytest.mark.rule("twin-pool-is-unchanged", "A door on a pool that changes the twin's too is not proven.")
def test_a_door_that_pauses_the_pool_of_the_twin_too_is_an_error(lab: FakeLab) -> None:
    def pause_the_twins() -> None:
        lab.prefect.pools.setdefault(OUTAGE, {})["is_paused"] = True

    lab.prefect.on_request(f"^PATCH /work_pools/{OUTAGE}--pool-pause$", 1, pause_the_twins)
    entry = lab.trial(OUTAGE, "pool-pause")
    assert entry.outcome == "error"
    assert "the twin's pool_paused changed" in entry.reason


@pytest.mark.rule("fault-lifted-from-what-is-there", "A fault is not lifted from a pool that a door has deleted.")
def test_a_pool_that_is_gone_does_not_keep_the_fault_of_the_others_from_being_lifted(lab: FakeLab) -> None:
    deleted, sound = lab.trials("late-by-limit-pool", doors=["pool-delete", "none"])
    assert deleted.outcome == "altered", deleted.reason
    assert sound.outcome == "survived", sound.reason


@pytest.mark.parametrize("door", TO_WORKERS)
def test_through_any_door_on_its_worker_a_sound_prefect_survives(lab: FakeLab, door: str) -> None:
    entry = lab.trial(LIMIT, door)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    done = parts(lab, LIMIT, door)
    assert {event["node"] for event in done} == {f"worker-{LIMIT}--{door}"}
    assert [event["what"] for event in done] == [deed.what for deed in DOORS[door].proof.deeds]


def test_a_worker_on_a_network_is_cut_off_and_connected_again(lab: FakeLab) -> None:
    lab.engine = "containers"
    entry = lab.trial(LIMIT, "worker-network-cut")
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    assert [(event["before"]["networks"], event["after"]["networks"]) for event in parts(lab, LIMIT, entry.door)] == [
        (1, 0), (0, 1),
    ]  # fmt: skip


@pytest.mark.rule("not-applicable-engine", "A door for one engine is not applicable on another.")
def test_a_process_has_no_network_of_its_own(lab: FakeLab) -> None:
    lab.engine = "processes"
    cell = lab.cell(LIMIT, "worker-network-cut")
    assert cell.outcome == "not-applicable"
    assert cell.reason == "worker-network-cut is for the engine containers; this one is processes"


@pytest.mark.rule("not-applicable-needs", "A door on what is not there as doors are opened is not applicable.")
@pytest.mark.parametrize(
    ("scenario", "door", "why"),
    [
        (OUTAGE, "worker-kill", "needs a worker that lives; in worker-outage no worker lives"),
        (OUTAGE, "kill-flow-process", "no flow run of its deployments has a process"),
        (LIMIT, "serve-kill", "for deployments that are served by a process of their own"),
    ],
)
def test_a_door_on_what_is_not_there_is_not_applicable(lab: FakeLab, scenario: str, door: str, why: str) -> None:
    cell = lab.cell(scenario, door)
    assert cell.outcome == "not-applicable"
    assert why in cell.reason


def runs_of_the_killed_never_end(lab: FakeLab, door: str) -> None:
    """What ran in a worker that is killed stays Running, and no one executes it."""

    def never_end() -> None:
        for run in own_runs(lab, LIMIT, door):
            run.never_ends |= run.state_type == "RUNNING"

    lab.prefect.on(f"worker-{LIMIT}--{door}", KILLED, never_end)


@pytest.mark.rule("stranded-behind-the-dead", "A run whose process was killed holds nothing, whatever it is called.")
@pytest.mark.rule("drain-the-dead-hold-nothing", "The drain does not take a run for a holder whose process was killed.")
def test_runs_that_wait_behind_one_that_died_with_its_worker_are_stranded(lab: FakeLab) -> None:
    runs_of_the_killed_never_end(lab, "worker-kill")
    entry = lab.trial(LIMIT, "worker-kill")
    assert judged(entry) == verdict("stranded", treated=counts(at_risk=3, kept=3, stranded=3), twin=KEPT), entry.reason
    killed, _ = parts(lab, LIMIT, "worker-kill")
    holder = own_runs(lab, LIMIT, "worker-kill")[0]
    assert killed["runs"] == [holder.id]
    report = (lab.plan.folder / entry.folder / "report.md").read_text(encoding="utf-8")
    assert "; what the engine saw of it: worker killed, worker started." in report
    own = f"- `worker-{LIMIT}--worker-kill`, worker"
    assert f"{own} with 1 flow runs in it: killed. Before: running, process 1, on 1 networks." in report
    assert f"{own}: started. Before: ended with -9, process 1. After: running, process 2, on 1 networks." in report


def test_a_flow_process_is_killed_alone_and_its_run_has_crashed(lab: FakeLab) -> None:
    entry = lab.trial(LIMIT, "kill-flow-process")
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    (killed,) = parts(lab, LIMIT, "kill-flow-process")
    holder, *_ = own_runs(lab, LIMIT, "kill-flow-process")
    assert (killed["run"], killed["of"], holder.state_name) == (holder.id, "flow run", "Crashed")
    assert lab.site.node(f"worker-{LIMIT}").running()


def test_the_process_of_each_run_that_waits_in_one_is_killed(lab: FakeLab) -> None:
    entry = lab.trial(RETRY, "kill-flow-process")
    assert judged(entry) == verdict("altered", treated=counts(at_risk=3, altered=3), twin=KEPT), entry.reason
    assert "ended Crashed, while the whole twin completed" in entry.reason
    runs = {run.id for run in own_runs(lab, RETRY, "kill-flow-process")}
    assert {event["run"] for event in parts(lab, RETRY, "kill-flow-process")} == runs


def test_a_served_process_that_is_killed_is_served_again(lab: FakeLab) -> None:
    entry = lab.trial("serve", "serve-kill")
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    assert [event["what"] for event in parts(lab, "serve", "serve-kill")] == ["killed"]


def test_a_matrix_opens_every_door_on_a_deployment_and_others_where_a_scenario_names_them() -> None:
    scenario = load_scenarios()[OUTAGE]
    outage = set(doors_of(scenario))
    doors = {name: door for name, door in DOORS.items() if not door.by_name}
    assert outage == {name for name, door in doors.items() if door.is_of_deployments and not door.misfit(scenario)}
    assert not outage & {*KEEPING, *HOLDING, *DELETING, *TO_WORKERS}
