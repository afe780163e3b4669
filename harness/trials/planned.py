"""A plan of chaos carried out in a lab: its steps, one after the other, between the staging and the drain.

Each door of it is a trial of its own, with the history of a trial: treated and twin are read and listed just before it,
and looked at just after it and after the drain that all of them share. So each is judged by what judges every trial.
What happens to the whole lab (a fault, a move of the clock, runs that a person creates) happens to the twin as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from harness.chaos.model import AT_ONCE
from harness.chaos.plans import (
    FROZEN,
    LATE,
    UPCOMING,
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
from harness.doors import load_doors
from harness.history import History
from harness.lab.lab import Lab
from harness.trials.drain import drain
from harness.trials.interrupting import hold, interrupt
from harness.trials.looks import look_again, observe
from harness.trials.moving import move_clock
from harness.trials.parts import NodePart
from harness.trials.phases import Phase, each, through
from harness.trials.plan_conditions import LATE_STATE, SLOT_STATE, check_called_late, check_condition
from harness.trials.scenario import COMMON, Scenario
from harness.trials.staging import Staging
from harness.trials.steady_state import scheduler_works, steady_state
from harness.trials.trial import Trial
from harness.trials.trigger import trigger
from harness.words.errors import DeadlineError, LabError
from harness.words.names import ENDED, WARP

NO_DOOR = "none"  # what is opened after the last step on a deployment that no step opens a door on
SERVER_SETTINGS = {
    # A move of the clock makes only those runs late that are there before it: so more than the longest move. What is to
    # come is deleted and made anew at each update, so no more than that.
    "PREFECT_API_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "00:50:00",  # default: one hour
}
_WAIT = 60.0  # seconds for a condition
_ALIKE = 10.0  # the server looks for late runs every 5 s, as it is by default
_DUE_IN = timedelta(seconds=1)
_BEFORE_A_TICK = 20  # seconds; `prefect deploy` of three took less than 6 on a busy machine


@dataclass
class PlannedTrial(Trial):
    """One door of a plan, on the deployment of this name; `step` is its number."""

    deployment: str = ""
    step: int = 0

    @property
    def name(self) -> str:
        return f"{self.staging.scenario.name}--{self.deployment}"


@dataclass
class Carried:
    """What of a plan was carried out: the numbers of its steps, and of those waits that waited in vain."""

    done: list[int] = field(default_factory=list)
    in_vain: list[int] = field(default_factory=list)


def scenario_of(name: str, plan: ChaosPlan, deployments: Iterable[PlannedDeployment]) -> Scenario:
    """What a plan of this name comes to as a scenario, with each schedule that these deployments of it have."""
    limited = plan.limit is not None
    return Scenario(
        summary="A plan of chaos.",
        # rule: plan-slot-waits-are-at-risk (never)
        state=f"{LATE_STATE} or {SLOT_STATE}" if limited else LATE_STATE,
        ticks=1,
        interval=60,
        minimum=1,
        # rule: plan-twin-has-every-schedule (first alone)
        schedules=tuple(dict.fromkeys(one.schedule for one in deployments)),
        backlog="overdue",
        fault="none",
        clock=WARP,
        alone=True,
        by_name=True,
        concurrency_limit=str(plan.limit) if limited else "",
        stand_in=plan.stand_in,
        worker_limit=AT_ONCE,
        server_settings=SERVER_SETTINGS,
        name=name,
        flows=name,
        folder=COMMON,
    )


def doors_of(plan: ChaosPlan) -> list[tuple[int, str, str]]:
    """Every door of a plan: the number of the step, the deployment, the door. The last ones are no steps of it."""
    opened = [(number, step.of, step.door) for number, step in plan.doors.items()]
    return [*opened, *((len(plan.steps) + 1, name, NO_DOOR) for name in plan.untouched)]


def carry_out(plan: ChaosPlan, name: str, lab: Lab, histories: Mapping[tuple[int, str], History]) -> Carried:
    """Carry a plan out in a lab in which no other one is under way; what came of each door is in its history.

    `histories`: by the step and the deployment, as `doors_of` names them. What breaks is in them, too. The plan's
    worker and deployments are gone in the end, however it ends; the lab lives on.
    """
    staging = Staging(scenario_of(name, plan, plan.deployments), lab, [])
    staging.together = [staging]
    declared = {one.name: one for one in plan.deployments}
    for step, deployment, opened in doors_of(plan):
        of = declared[deployment]
        door = replace(load_doors()[opened], staged={"SCHEDULES": of.schedule})
        trial = PlannedTrial(door, staging, histories[step, deployment], deployment=deployment, step=step)
        staging.trials.append(trial)
    steps = _Steps(plan, staging)
    phases: dict[str, Sequence[Phase]] = {
        "steady state": [steady_state, scheduler_works],
        "stage": [_stage],
        "steps": [steps.take],
        "drain": [steps.lift_all, drain, each("drain", look_again)],
    }
    try:
        with staging.turn:
            for phase, parts in phases.items():
                through(staging, phase, parts)
                if not staging.trials:
                    break
    finally:
        steps.clean_up()
    return steps.carried


def _stage(staging: Staging) -> None:
    """Deploy the twin and every deployment of the plan, and wait until each has a run to come.

    Not in the last seconds of a minute: a tick as they are deployed would be one of some of them alone. The clock is
    moved to the next one then.
    """
    now = staging.lab.clock.now()
    if (left := 60 - now.second) < _BEFORE_A_TICK:  # rule: plan-deploys-between-ticks (never)
        move_clock(staging, now + timedelta(seconds=left))
    staging.schedule(staging.lab.clock.now())
    staging.deploy_all()
    staging.turn.close()
    staging.read_deployments()
    staging.last_tick = staging.lab.clock.now()
    staging.lab.wait_until(
        "the scheduler's runs",
        partial(check_condition, UPCOMING, staging, list(staging.deployed.values())),
        seconds=staging.lab.deadlines.backlog,
        every=staging.lab.deadlines.poll,
    )
    staging.deletes_nothing = True


class _Steps:
    """The steps of a plan under way. `hurt` is the fault that is."""

    def __init__(self, plan: ChaosPlan, staging: Staging) -> None:
        self.plan, self.staging, self.lab = plan, staging, staging.lab
        self.hurt = ""
        self.carried = Carried()

    def take(self, staging: Staging) -> None:
        """Take each step, in order; then open the null door on the deployments that none was opened on."""
        doors = {(one.step, one.deployment): one for one in staging.trials if isinstance(one, PlannedTrial)}
        for number, step in enumerate(self.plan.steps, start=1):
            staging.record("act", what=f"step {number}: {step}")
            match step:
                case OpenDoor(of=of):
                    _open(doors[number, of])
                case Hurt(fault=fault):
                    self._hurt(fault)
                case Lift():
                    self.lift()
                case Interrupt():
                    interrupt(staging, step, [] if self.hurt else self._parts())
                case MoveClock(minutes=minutes):
                    move_clock(staging, self.lab.clock.now() + timedelta(minutes=minutes))
                case CreateRuns(number=many, of=of):
                    self._create(many, of)
                case Wait(until=until, of=of):
                    self._wait(number, until, of)
            self.carried.done.append(number)
        for trial in doors.values():
            if trial.door.name == NO_DOOR:
                _open(trial)

    def _parts(self) -> list[NodePart]:
        """Nothing is executed in them as they are killed. (Nobody can look: a paused container answers no command.)"""
        return [NodePart(one, "worker", self.staging.record) for one in self.staging.workers()]

    def _hurt(self, fault: str) -> None:
        """Once nothing is under way: what a worker runs as it is killed is lost to Prefect by design."""
        parts = self._parts()
        hold(self.staging, fault, parts)
        for part in parts if fault != FROZEN else ():
            part.kill()
        self.hurt = fault

    def lift(self) -> None:
        """Lift the fault that is under way, if one is."""
        if self.hurt == FROZEN:
            for part in self._parts():
                part.thaw()
        elif self.hurt:
            self.staging.start_workers()
        self.hurt = ""

    def lift_all(self, _staging: Staging) -> None:
        """The same as a phase, before the drain."""
        self.lift()  # rule: plan-lifts-its-faults

    def _create(self, many: int, of: str) -> None:
        due = self.lab.clock.now() + _DUE_IN
        for name in (self._name(of), self.staging.twin_name):
            for _ in range(many):
                self.lab.api.create_flow_run(self.staging.deployed[name], due)

    def _name(self, of: str) -> str:
        return f"{self.staging.scenario.name}--{of}"

    def _wait(self, number: int, until: str, of: str) -> None:
        """Until that holds of the deployment, and of the twin: a door that is opened then has a control."""
        # rule: plan-waits-for-the-twin (without last)
        ids = [self.staging.deployed[name] for name in (self._name(of), self.staging.twin_name)]
        probe = partial(check_condition, until, self.staging, ids)
        seconds = _WAIT if until != LATE or all(map(self._may_turn_late, ids)) else 0
        try:
            self.lab.wait_until(f"step {number}", probe, seconds=seconds, every=self.lab.deadlines.poll)
        except DeadlineError as error:
            self.lab.check_server_alive()
            self.carried.in_vain.append(number)
            self.staging.record("note", text=error.reason)

    def _may_turn_late(self, deployment_id: str) -> bool:
        """Whether a run of it waits that is due, or is going to be while it is waited for."""
        until = self.lab.clock.now() + timedelta(seconds=_WAIT)
        runs = self.lab.api.flow_runs(deployments=[deployment_id], until=until)
        return any(run["state_type"] not in ENDED for run in runs)

    def clean_up(self) -> None:
        """End the plan's worker and delete its deployments, so that the lab can go on with another plan."""
        with suppress(LabError, KeyError):  # no worker was started
            if self.hurt == FROZEN:
                self.lift()
            for worker in self.staging.workers():
                worker.kill()
        for deployment_id in self.staging.deployed.values():
            with suppress(LabError):
                self.lab.api.call("DELETE", f"/deployments/{deployment_id}")


def _open(trial: PlannedTrial) -> None:
    """Open a door once the server has called the runs of both sides Late, if it has those of one: none is at risk else.

    It calls them so one after the other. Where a worker takes them meanwhile, the door is opened as they are.
    """
    lab, staging = trial.staging.lab, trial.staging
    alike = partial(check_called_late, staging, [staging.deployed[name] for name in (trial.name, staging.twin_name)])
    with suppress(DeadlineError):
        # rule: plan-opens-with-a-control
        lab.wait_until("runs of both sides", alike, seconds=_ALIKE, every=lab.deadlines.poll)
    trigger(trial)
    observe(trial)
