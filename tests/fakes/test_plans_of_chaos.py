"""Plans of chaos on a fake Prefect: what breaks a promise is seen whatever the order, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.chaos.plans import ChaosPlan
from harness.chaos.results import BROKEN, KEPT, NOTHING, UNKNOWN, PlanResult
from harness.chaos.text import plan_of
from harness.engines.base import SiteSetup
from harness.history import of_kind, read_history
from harness.runs.campaign import Bench, Ground
from harness.verdict.plans import exit_code
from harness.words.events import Act, ClockMoved, DoorClosed, Drained, Note, WorkerRestarted
from harness.words.part_events import PartActed, ReadBack
from tests.fakes.fake_lab import DEADLINES, FakeLab
from tests.fakes.fake_prefect import KILLED, LIFTED, UPDATED, Run
from tests.fakes.fake_site import FakeNode

EVERY = "'interval 5m anchor 2026-01-01T00:00:00'"
A, B = (f"- {{name: {name}, schedule: {EVERY}}}" for name in "ab")
OUTAGE = ("{do: hurt, fault: worker-killed}", "{do: move-clock, minutes: 11}")
DEPLOY = "{do: open, door: prefect-deploy, of: a}"
INTERRUPT = "{{do: interrupt, fault: {}, seconds: 3}}"
LATE_AND_DEPLOYED = (*OUTAGE, "{do: wait, until: late, of: a}", DEPLOY)


def plan(*steps: str, deployments: Sequence[str] = (A,), limit: int | None = None) -> ChaosPlan:
    said = ["steps:", *(f"- {step}" for step in steps)] if steps else []
    head = ["plan: 1", *([f"limit: {limit}"] if limit else [])]
    return plan_of("\n".join([*head, "deployments:", *deployments, *said]))


class OneSite:
    """An engine that has the one site of a fake lab."""

    name = "fake"

    def __init__(self, lab: FakeLab) -> None:
        self.lab, self.labs = lab, list[str]()

    def describe(self) -> str:
        return "a fake"

    def site(self, setup: SiteSetup) -> Any:
        if self.labs:  # a new lab has a new database
            self.lab.prefect.deployments.clear()
            self.lab.prefect.runs.clear()
        self.labs.append(setup.lab)
        return self.lab.site


class Campaign:
    """Carries plans out; `labs` are those that were started, `folder` is where the histories lie."""

    def __init__(self, lab: FakeLab, folder: Path) -> None:
        self.prefect, self.site, self.clock, self.folder = lab.prefect, lab.site, lab.clock, folder
        self.engine = OneSite(lab)
        self.version = lab.prefect.version

    def of(self, *plans: ChaosPlan) -> list[PlanResult]:
        engine: Any = self.engine
        versions = {"server": self.version}
        ground = Ground(engine, self.version, versions, "2030-01-01", {}, "sqlite", "fork", "run", self.folder)
        with Bench(ground, lambda _: None, DEADLINES, self.clock) as bench:
            return [bench.carry_out(one, place) for place, one in enumerate(plans, start=1)]

    def on_update(self, action: Callable[[list[Run]], None]) -> None:
        """Do this to the runs of the plan's deployments, as one of these is updated."""
        family = "plan-1-treated"
        self.prefect.on(family, UPDATED, lambda: action(self.prefect.runs_of(family)))

    def delete(self, runs: Sequence[Run]) -> None:
        for run in runs:
            del self.prefect.runs[run.id]


@pytest.fixture
def campaign(lab: FakeLab, tmp_path: Path) -> Campaign:
    return Campaign(lab, tmp_path / "chaos")


def late(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.state_name == "Late"]


def words(result: PlanResult) -> dict[str, str]:
    return {name: promise.came_to for name, promise in result.promises.items()}


def test_a_plan_without_steps_breaks_nothing_and_has_nothing_at_risk(campaign: Campaign) -> None:
    (result,) = campaign.of(plan(deployments=[A, B]))
    assert not result.of(BROKEN) and not result.of(UNKNOWN), result.promises
    assert [(door.deployment, door.door, door.step) for door in result.doors] == [("a", "none", 1), ("b", "none", 1)]
    assert words(result)["overdue"] == NOTHING
    assert words(result)["settings"] == KEPT
    assert exit_code([result]) == 0


def test_faults_alone_break_nothing(campaign: Campaign) -> None:
    (result,) = campaign.of(plan(*OUTAGE, "{do: create-runs, number: 2, of: a}", "{do: wait, until: late, of: a}"))
    assert not result.of(BROKEN) and not result.of(UNKNOWN), result.promises
    assert words(result)["overdue"] == words(result)["ticks"] == KEPT
    assert result.in_vain == []


def test_a_release_that_keeps_its_runs_keeps_its_promises_in_any_order(campaign: Campaign) -> None:
    doors = [f"{{do: open, door: {door}, of: {of}}}" for door in ("patch-twice", "prefect-deploy") for of in "ab"]
    lift = "{do: lift, fault: worker-killed}"
    (result,) = campaign.of(
        plan(DEPLOY, *OUTAGE, *doors, lift, "{do: wait, until: done, of: b}", DEPLOY, *OUTAGE, *doors,
             deployments=[A, B])
    )  # fmt: skip
    assert not result.of(BROKEN) and not result.of(UNKNOWN), result.promises
    assert words(result)["overdue"] == words(result)["ticks"] == KEPT
    assert len(result.doors) == 10 and len(result.executed) == 16
    assert exit_code([result]) == 0


@pytest.mark.rule("plan-twin-has-every-schedule", "The twin of a plan has every schedule of its deployments.")
def test_a_deployment_with_another_schedule_than_the_first_has_a_twin_as_well(campaign: Campaign) -> None:
    a = A.replace("5m", "40m")
    (result,) = campaign.of(plan(*OUTAGE, DEPLOY.replace("of: a", "of: b"), deployments=[a, B]))
    (door,) = (door for door in result.doors if door.deployment == "b")
    assert door.promises["overdue"].came_to == KEPT, door.promises["overdue"]
    assert not result.of(UNKNOWN), result.promises


def test_a_deploy_that_deletes_what_is_late_breaks_the_promise_of_what_is_overdue(campaign: Campaign) -> None:
    campaign.on_update(lambda runs: campaign.delete(late(runs)[:1]))
    (result,) = campaign.of(plan(*LATE_AND_DEPLOYED))
    assert words(result)["overdue"] == words(result)["ticks"] == BROKEN
    assert "1 of 2 runs at risk are gone" in result.promises["overdue"].reason
    assert not result.promises["overdue"].known
    assert exit_code([result]) == 1


@pytest.mark.rule("plan-known-door-takes-ticks", "Only the loss of a door that is known to lose explains a tick.")
@pytest.mark.parametrize(("version", "code"), [("3.3.3", 0), ("3.9.1", 1)])
def test_a_loss_that_is_known_of_the_release_is_no_news_and_neither_is_its_tick(
    campaign: Campaign, version: str, code: int
) -> None:
    campaign.version = campaign.prefect.version = version
    campaign.site.versions = {"deployer": version, "worker": version}
    campaign.on_update(lambda runs: campaign.delete(late(runs)))
    (result,) = campaign.of(plan(*LATE_AND_DEPLOYED))
    assert words(result)["overdue"] == words(result)["ticks"] == BROKEN
    known = "PrefectHQ/prefect#17764" if version == "3.3.3" else ""
    assert {result.promises[name].known for name in ("overdue", "ticks")} == {known}
    assert exit_code([result]) == code


@pytest.mark.rule("plan-known-losses-explain-ticks", "A tick that no known loss took is news beside one that it took.")
def test_a_tick_that_is_missing_beside_a_known_loss_is_news(campaign: Campaign) -> None:
    campaign.version = campaign.prefect.version = "3.3.3"
    campaign.site.versions = {"deployer": "3.3.3", "worker": "3.3.3"}
    campaign.on_update(lambda runs: campaign.delete(late(runs)))
    campaign.prefect.on("worker-plan-1", "lifted", lambda: campaign.delete(campaign.prefect.runs_of("plan-1-treated")))
    lift = "{do: lift, fault: worker-killed}"
    (result,) = campaign.of(plan(*LATE_AND_DEPLOYED, *OUTAGE[1:], lift, "{do: wait, until: done, of: a}"))
    assert result.promises["overdue"].known
    assert words(result)["ticks"] == BROKEN and not result.promises["ticks"].known
    assert exit_code([result]) == 1


def test_a_door_that_deletes_a_run_of_another_deployment_breaks_a_promise(campaign: Campaign) -> None:
    def strike(runs: list[Run]) -> None:
        campaign.delete([run for run in late(runs) if run.deployment.name == "plan-1--b"][:1])

    campaign.on_update(strike)
    (result,) = campaign.of(plan(*LATE_AND_DEPLOYED, deployments=[A, B]))
    (of_a,) = [door for door in result.doors if door.deployment == "a"]
    assert (of_a.outcome, of_a.promises["overdue"].came_to) == ("lost", BROKEN)
    assert "deleted 1 runs of deployments that it was not opened on" in result.promises["overdue"].reason


@pytest.mark.rule("bystanders-not-its-own", "The runs of a door's own deployment are none of another deployment's.")
def test_upcoming_runs_that_a_second_deploy_makes_anew_are_no_loss_of_another_deployment(campaign: Campaign) -> None:
    patch = "{do: open, door: patch-deployment, of: a}"
    (result,) = campaign.of(plan(DEPLOY, patch, *OUTAGE, DEPLOY, patch))
    assert not result.of(BROKEN) and not result.of(UNKNOWN), result.promises


@pytest.mark.rule("plan-lifts-its-faults", "A fault that no step lifts is lifted before the drain.")
@pytest.mark.parametrize("fault", ["worker-killed", "worker-frozen"])
def test_a_fault_is_lifted_in_the_end(campaign: Campaign, fault: str) -> None:
    hurt = f"{{do: hurt, fault: {fault}}}"
    (result,) = campaign.of(plan(hurt, "{do: create-runs, number: 1, of: a}", "{do: wait, until: late, of: a}", DEPLOY))
    assert words(result)["overdue"] == KEPT, result.promises["overdue"]
    events = read_history(campaign.folder / result.doors[0].folder / "history.jsonl")
    assert not of_kind(events, WorkerRestarted), "the drain did not have to start it"


@pytest.mark.rule("plan-hurts-at-rest", "A worker is killed only while no run of the plan is Pending or Running.")
def test_a_worker_is_killed_once_nothing_is_under_way(campaign: Campaign) -> None:
    campaign.prefect.run_seconds = 20
    (result,) = campaign.of(plan("{do: create-runs, number: 1, of: a}", *4 * [DEPLOY], *OUTAGE))
    events = read_history(campaign.folder / result.doors[0].folder / "history.jsonl")
    assert [(part.what, list(part.runs)) for part in of_kind(events, PartActed)] == [("frozen", []), ("killed", [])]
    assert not result.of(BROKEN) and not result.of(UNKNOWN), result.promises


@pytest.mark.rule("plan-new-lab-after-an-error", "After a plan in which something broke, the next one gets a new lab.")
def test_a_door_that_fails_leaves_every_promise_unknown_and_the_next_plan_a_new_lab(campaign: Campaign) -> None:
    campaign.on_update(lambda _: setattr(campaign.site, "deploy_exit_code", 1))
    first, second = campaign.of(plan(*LATE_AND_DEPLOYED), plan())
    assert first.doors[0].outcome == "error"
    assert set(words(first).values()) <= {UNKNOWN, NOTHING} and first.of(UNKNOWN)
    assert exit_code([first]) == 125
    assert campaign.engine.labs == ["lab-1", "lab-2"]
    assert "`prefect deploy` of plan-2--twin, plan-2--a exited 1" in second.doors[0].reason


def test_what_a_twin_does_too_is_unknown(campaign: Campaign) -> None:
    def strike(_: list[Run]) -> None:
        campaign.delete(late(campaign.prefect.runs_of("plan-1-treated")))
        campaign.delete(late(campaign.prefect.runs_of("plan-1-twin")))

    campaign.on_update(strike)
    (result,) = campaign.of(plan(*LATE_AND_DEPLOYED))
    assert words(result)["overdue"] == words(result)["ticks"] == UNKNOWN
    assert exit_code([result]) == 125


def test_a_wait_in_vain_ends_and_says_what_was_seen_last(campaign: Campaign) -> None:
    (result,) = campaign.of(plan(OUTAGE[0], "{do: wait, until: late, of: a}", DEPLOY))
    assert result.in_vain == [2]
    assert result.executed == ["hurt worker-killed", "wait late", "open prefect-deploy"]
    events = read_history(campaign.folder / result.doors[0].folder / "history.jsonl")
    assert "0 runs were due, and are not there" in of_kind(events, Note)[-1].text
    assert not result.of(BROKEN) and not result.of(UNKNOWN), result.promises


@pytest.mark.rule("plan-waits-for-the-twin", "A plan waits until a condition holds of the twin as well.")
def test_runs_of_the_twin_that_turn_late_after_the_others_are_waited_for(campaign: Campaign) -> None:
    campaign.prefect.late_later["plan-1-twin"] = timedelta(seconds=20)
    create = "{do: create-runs, number: 1, of: a}"
    (result,) = campaign.of(plan(OUTAGE[0], create, *LATE_AND_DEPLOYED[2:]))
    assert result.in_vain == [] and words(result)["overdue"] == KEPT, result.promises


@pytest.mark.rule("plan-opens-with-a-control", "A door waits until the twin's runs are Late if the deployment's are.")
def test_a_door_that_no_wait_comes_before_has_a_twin_with_runs_at_risk(campaign: Campaign) -> None:
    campaign.prefect.late_later["plan-1-twin"] = timedelta(seconds=5)
    create = "{do: create-runs, number: 1, of: a}"
    (result,) = campaign.of(plan(OUTAGE[0], create, INTERRUPT.format("server-frozen"), DEPLOY))
    assert words(result)["overdue"] == KEPT, result.promises


def test_runs_are_waited_for_to_turn_late_only_if_one_may(campaign: Campaign) -> None:
    seldom = A.replace("5m", "30m")
    before = campaign.clock.monotonic()
    (result,) = campaign.of(plan(OUTAGE[0], "{do: wait, until: late, of: a}", deployments=[seldom]))
    assert result.in_vain == [2] and campaign.clock.monotonic() - before < 60


@pytest.mark.rule("plan-deploys-between-ticks", "A plan is not deployed just before a tick.")
def test_a_plan_that_begins_just_before_a_tick_is_deployed_after_it(campaign: Campaign) -> None:
    """Else some of its deployments would be there as the tick comes, and the others not."""
    begun = [campaign.clock.now()]
    campaign.prefect.on_new_run = lambda run: begun.append(run.deployment.updated)
    campaign.prefect.run_seconds = 50  # the probe's: until the plan is deployed
    campaign.of(plan(deployments=[A, B]))
    assert begun[-1].minute > begun[0].minute and begun[-1].second < 40


def test_each_door_has_the_whole_story_in_its_history(campaign: Campaign) -> None:
    patch = "{do: open, door: patch-deployment, of: b}"
    (result,) = campaign.of(plan(*LATE_AND_DEPLOYED, patch, deployments=[A, B]))
    for door in result.doors:
        events = read_history(campaign.folder / door.folder / "history.jsonl")
        steps = [act.what for act in of_kind(events, Act) if act.what.startswith("step ")]
        assert steps == [f"step {number}: {step}" for number, step in enumerate(result.steps, start=1)]
        assert [len(of_kind(events, kind)) for kind in (ClockMoved, DoorClosed, Drained)] == [1, 1, 1]
        assert (campaign.folder / result.file).read_text(encoding="utf-8").startswith("plan: 1\n")


def test_a_lab_serves_one_plan_after_the_other_and_nothing_of_the_first_is_left(campaign: Campaign) -> None:
    results = campaign.of(plan(*LATE_AND_DEPLOYED), plan(*LATE_AND_DEPLOYED))
    assert campaign.engine.labs == ["lab-1"]
    assert [words(result)["overdue"] for result in results] == [KEPT, KEPT]
    assert [one.name for one in campaign.prefect.deployments.values() if one.name.startswith("plan-") and one.pool] == [
        one.name for one in campaign.prefect.deployments.values() if one.name.endswith("--probe")
    ]


SERVER_FAULTS = ("server-killed", "server-stopped", "server-frozen")


@pytest.mark.parametrize("fault", SERVER_FAULTS)
def test_a_server_that_is_interrupted_comes_back_with_what_it_accepted(campaign: Campaign, fault: str) -> None:
    outage = (*OUTAGE, "{do: wait, until: late, of: a}", INTERRUPT.format(fault), DEPLOY)
    (result,) = campaign.of(plan(INTERRUPT.format(fault), *outage))
    assert not result.of(BROKEN) and not result.of(UNKNOWN), result.promises
    assert {words(result)[name] for name in ("overdue", "ticks", "comeback", "durable")} == {KEPT}
    events = read_history(campaign.folder / result.doors[0].folder / "history.jsonl")
    assert [(one.when, len(one.created)) for one in of_kind(events, ReadBack)] == 2 * [("before", 2), ("after", 0)]
    deeds = [(part.of, part.what) for part in of_kind(events, PartActed) if part.of == "server"]
    begins, ends = {"killed": "started", "stopped": "started", "frozen": "thawed"}, fault.removeprefix("server-")
    assert deeds == 2 * [("server", ends), ("server", begins[ends])]


def test_what_a_server_loses_as_it_is_interrupted_breaks_a_promise(campaign: Campaign) -> None:
    prefect = campaign.prefect
    prefect.on(
        "server", LIFTED, lambda: campaign.delete([run for run in prefect.runs.values() if not run.auto_scheduled][-1:])
    )
    (result,) = campaign.of(plan(INTERRUPT.format("server-killed")))
    assert words(result)["durable"] == BROKEN and words(result)["comeback"] == KEPT
    assert "was created before server-killed, and is gone after it" in result.promises["durable"].reason
    assert exit_code([result]) == 1


def test_a_server_that_does_not_come_back_breaks_a_promise_and_leaves_the_others_unknown(campaign: Campaign) -> None:
    campaign.prefect.on("server", LIFTED, lambda: setattr(campaign.prefect, "alive", False))
    (result,) = campaign.of(plan(*OUTAGE, INTERRUPT.format("server-killed"), DEPLOY))
    assert result.of(BROKEN) == ["comeback"] and not result.of(KEPT), result.promises
    assert exit_code([result]) == 1


@pytest.mark.rule("plan-held-at-rest", "A worker that takes a run between the look and the fault is looked at again.")
def test_a_run_that_a_worker_takes_at_the_last_moment_is_waited_for(campaign: Campaign) -> None:
    """Without a second look the run would be lost to a worker that is killed: by the fault, and not by a door."""
    node, taken, prefect = FakeNode.freeze, list[str](), campaign.prefect
    prefect.run_seconds = 20

    def freeze(self: FakeNode) -> None:
        if not taken:
            prefect.clock.sleep(3)
            prefect.advance()
            taken.extend(run.state_name for run in prefect.runs.values() if run.state_name == "Running")
        node(self)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(FakeNode, "freeze", freeze)
        (result,) = campaign.of(plan("{do: create-runs, number: 1, of: a}", *OUTAGE, DEPLOY))
    events = read_history(campaign.folder / result.doors[0].folder / "history.jsonl")
    assert taken == ["Running", "Running"]
    assert [part.what for part in of_kind(events, PartActed)] == ["frozen", "thawed", "frozen", "killed"]
    assert not result.of(BROKEN) and not result.of(UNKNOWN), result.promises


@pytest.mark.rule("plan-interrupts-with-runs-to-come", "No interruption while an update's runs are still to be made.")
def test_a_server_is_interrupted_only_once_the_coming_runs_are_there(campaign: Campaign) -> None:
    prefect, coming = campaign.prefect, list[int]()

    def updated() -> None:
        prefect.schedules_runs = False
        prefect.on_request("POST /flow_runs/count", 4, lambda: setattr(prefect, "schedules_runs", True))

    def killed() -> None:
        ahead = [run for run in prefect.runs_of("plan-1-treated") if run.expected > prefect.clock.now()]
        coming.append(sum(run.auto_scheduled for run in ahead))

    prefect.on("plan-1-treated", UPDATED, updated)
    prefect.on("server", KILLED, killed)
    (result,) = campaign.of(plan(DEPLOY, INTERRUPT.format("server-killed")))
    assert coming and all(coming), coming
    assert not result.of(BROKEN) and not result.of(UNKNOWN), result.promises


QUEUED = (*OUTAGE, "{do: move-clock, minutes: 16}", "{do: lift, fault: worker-killed}")  # five runs a side, two at once


def waits_for_a_slot(prefect: Any, runs: Sequence[Run]) -> list[Run]:
    """The runs that do, once the worker that was started again has asked for all."""
    prefect.clock.sleep(3)
    prefect.advance()
    return [run for run in runs if run.state_name == "AwaitingConcurrencySlot"]


def test_runs_that_wait_for_a_slot_of_a_plans_limit_are_kept(campaign: Campaign) -> None:
    prefect, waited = campaign.prefect, list[Run]()
    prefect.run_seconds = 4
    campaign.on_update(lambda runs: waited.extend(waits_for_a_slot(prefect, runs)))
    (result,) = campaign.of(plan(*QUEUED, "{do: create-runs, number: 1, of: a}", DEPLOY, DEPLOY, limit=2))
    assert waited, "no run waited for a slot as a door was opened"
    assert not result.of(BROKEN) and not result.of(UNKNOWN), result.promises
    assert words(result)["overdue"] == words(result)["limit"] == words(result)["ticks"] == KEPT


@pytest.mark.rule("plan-slot-waits-are-at-risk", "A run of a limited plan that waits for a slot is at risk, too.")
def test_a_run_that_is_cancelled_while_it_waits_for_a_slot_breaks_the_promise(campaign: Campaign) -> None:
    prefect, taken = campaign.prefect, list[Run]()
    prefect.run_seconds = 4

    def cancel(runs: Sequence[Run]) -> None:
        for run in waits_for_a_slot(prefect, runs)[:1]:
            taken.append(run)
            prefect.set_state(run, "CANCELLED", "Cancelled")

    campaign.on_update(cancel)
    (result,) = campaign.of(plan(*QUEUED, DEPLOY, DEPLOY, limit=2))
    assert taken and words(result)["overdue"] == BROKEN, result.promises
