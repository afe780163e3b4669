"""Plans that hypothesis makes up, step by step, each on a fake Prefect that a fault is planted in.

What becomes of the runs is kept beside, by the faults themselves: the promises have to say the same of the history. A
plan that is judged wrongly is made smaller by hypothesis, down to the steps that it takes.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from harness.chaos.model import Model, check_plan
from harness.chaos.plans import (
    DOORS,
    FAULTS,
    FORMAT,
    AnyStep,
    ChaosPlan,
    CreateRuns,
    Hurt,
    Interrupt,
    Lift,
    MoveClock,
    OpenDoor,
    PlannedDeployment,
    Wait,
)
from harness.chaos.results import BROKEN, KEPT, UNKNOWN, PlanResult
from harness.words.names import ENDED
from tests.fakes.fake_lab import FakeLab
from tests.fakes.fake_prefect import LIFTED, Run
from tests.fakes.ground import fake_ground
from tests.fakes.test_plans_of_chaos import Campaign

SCHEDULES = ("interval 5m anchor 2026-01-01T00:00:00", "interval 7m anchor 2026-01-01T00:02:00")
SERVER_FAULTS = ("server-killed", "server-stopped", "server-frozen")
MOST_STEPS = 10


class Truth:
    """What a planted fault did: which runs it took that waited and were due, and which a person had created."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign, self.prefect = campaign, campaign.prefect
        self.overdue, self.created, self.unsaved = list[Run](), list[Run](), list[Run]()

    def take(self, which: Callable[[Run], bool], *, cancelled: bool = False) -> None:
        """Delete the waiting runs of the plan's deployments that these are, or cancel them."""
        now = self.prefect.clock.now()
        for run in self.prefect.runs_of("plan-1-treated"):
            if run.state_type not in ENDED and run.state_type == "SCHEDULED" and which(run):
                (self.overdue if run.expected <= now else self.created if not run.auto_scheduled else []).append(run)
                if cancelled:
                    self.prefect.set_state(run, "CANCELLED", "Cancelled")
                else:
                    del self.prefect.runs[run.id]

    def forget(self) -> None:
        """Lose what was created last, as a server does that did not write it."""
        for run in [run for run in self.prefect.runs.values() if not run.auto_scheduled][-1:]:
            self.unsaved.append(run)
            del self.prefect.runs[run.id]

    @property
    def is_overdue_broken(self) -> bool:
        """Whether a run is gone, or cancelled, that waited and was due, or that nobody makes again."""
        return bool(self.overdue or self.created)


def nothing(truth: Truth) -> None:
    """A Prefect that keeps its runs."""


def on_update(
    which: Callable[[Run, Truth], bool], *, cancelled: bool = False, of_all: bool = False
) -> Callable[[Truth], None]:
    """A fault that every update has, for its own deployment or for all."""

    def plant(truth: Truth) -> None:
        def taken(run: Run) -> bool:
            return which(run, truth) and (of_all or run.deployment is truth.prefect.updating)

        truth.campaign.on_update(lambda _: truth.take(taken, cancelled=cancelled))

    return plant


def is_late(run: Run, _: Truth) -> bool:
    return run.state_name == "Late"


def is_due(run: Run, truth: Truth) -> bool:
    return run.expected <= truth.prefect.clock.now()


def is_to_come(run: Run, truth: Truth) -> bool:
    return run.auto_scheduled and not is_due(run, truth)


def is_a_persons(run: Run, _: Truth) -> bool:
    return not run.auto_scheduled


def by_a_restart(truth: Truth) -> None:
    truth.prefect.on("server", LIFTED, truth.forget)


FAULTS_PLANTED = {
    "keeps all": nothing,
    "deletes what is late": on_update(is_late),
    "deletes what is late of all deployments": on_update(is_late, of_all=True),
    "deletes what is due": on_update(is_due),
    "cancels what is late": on_update(is_late, cancelled=True),
    "makes anew what is to come": on_update(is_to_come),
    "deletes what a person created": on_update(is_a_persons),
    "a restart loses a run": by_a_restart,
}


@contextmanager
def a_campaign() -> Iterator[Campaign]:
    folder = Path(tempfile.mkdtemp(prefix="plan-"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            yield Campaign(FakeLab(folder / "lab", fake_ground(patch)), folder / "chaos")
    finally:
        shutil.rmtree(folder)


class Plans(RuleBasedStateMachine):
    """A plan, a step at a time, as the model lets it; in the end it is carried out and judged."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.steps, self.names, self.planted = Model(), list[AnyStep](), ["a"], "keeps all"
        self.limit: int | None = None

    @initialize(
        planted=st.sampled_from(sorted(FAULTS_PLANTED)), many=st.integers(1, 2), limit=st.sampled_from([None, 1, 2])
    )
    def begin(self, planted: str, many: int, limit: int | None) -> None:
        self.planted, self.names, self.limit = planted, ["a", "b"][:many], limit

    def add(self, step: AnyStep) -> None:
        if not self.model.objection(step):
            self.steps.append(step)
            self.model = self.model.after(step)

    def of(self, number: int) -> str:
        return self.names[number % len(self.names)]

    @rule(door=st.sampled_from(sorted(DOORS)), of=st.integers(0, 1))
    def open(self, door: str, of: int) -> None:
        self.add(OpenDoor(door=door, of=self.of(of)))

    @precondition(lambda self: not self.model.hurt)
    @rule(fault=st.sampled_from(sorted(FAULTS)))
    def hurt(self, fault: str) -> None:
        self.add(Hurt(fault=fault))  # type: ignore[arg-type]

    @precondition(lambda self: bool(self.model.hurt))
    @rule()
    def lift(self) -> None:
        self.add(Lift(fault=self.model.hurt))  # type: ignore[arg-type]

    @rule(minutes=st.sampled_from([1, 6, 16]))
    def move(self, minutes: int) -> None:
        self.add(MoveClock(minutes=minutes))

    @rule(many=st.integers(1, 2), of=st.integers(0, 1))
    def create(self, many: int, of: int) -> None:
        self.add(CreateRuns(number=many, of=self.of(of)))

    @rule(until=st.sampled_from(["late", "done", "upcoming"]), of=st.integers(0, 1))
    def wait(self, until: str, of: int) -> None:
        self.add(Wait(until=until, of=self.of(of)))  # type: ignore[arg-type]

    @rule(fault=st.sampled_from(SERVER_FAULTS), seconds=st.sampled_from([0, 3, 8]))
    def interrupt(self, fault: str, seconds: int) -> None:
        self.add(Interrupt(fault=fault, seconds=seconds))  # type: ignore[arg-type]

    def teardown(self) -> None:
        deployments = [
            PlannedDeployment(name=name, schedule=schedule)
            for name, schedule in zip(self.names, SCHEDULES, strict=False)
        ]
        plan = ChaosPlan(plan=FORMAT, deployments=deployments, steps=self.steps, limit=self.limit)
        check_plan(plan)
        with a_campaign() as campaign:
            truth = Truth(campaign)
            FAULTS_PLANTED[self.planted](truth)
            (result,) = campaign.of(plan)
            event(f"{self.planted}: {'broken' if truth.is_overdue_broken or truth.unsaved else 'kept'}")
            agree(result, truth)


def agree(result: PlanResult, truth: Truth) -> None:
    """What the promises say is what was done, and no more."""
    broken = set(result.of(BROKEN))
    assert ("overdue" in broken) == truth.is_overdue_broken, (result.promises["overdue"], truth.overdue, truth.created)
    assert ("durable" in broken) == bool(truth.unsaved), result.promises["durable"]
    blamed = {"overdue", "ticks"} if truth.is_overdue_broken else {"durable", "overdue"} if truth.unsaved else set()
    assert broken <= blamed, result.promises
    if not blamed:
        assert not result.of(UNKNOWN), result.promises
    assert result.promises["settings"].came_to in (KEPT, UNKNOWN)


def test_what_the_promises_say_of_any_plan_is_what_was_done() -> None:
    run_state_machine_as_test(
        Plans,
        settings=settings(
            max_examples=60, stateful_step_count=MOST_STEPS, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
