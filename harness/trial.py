"""One scenario, one door, one subject, one engine: staged, proven, triggered, observed, drained.

Each phase is a function from a Trial to its history; none of them judges. What a phase cannot do raises LabError.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from harness import settings
from harness.doors import Door
from harness.engines.base import CommandResult, Node
from harness.errors import DeadlineError, LabError, NoAnswerError, SteadyStateError
from harness.history import History
from harness.lab import Lab
from harness.scenario import Scenario
from harness.waiting import NotYet, wait_until

SIDES = ("treated", "twin")
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
_UNHAPPY = ENDED - {"COMPLETED"}
_LOG_LINES = 200
_STAGING_TRIES = 5


@dataclass
class Trial:
    """A trial under way. Scenarios and doors act through its methods; everything they do is in its history."""

    scenario: Scenario
    door: Door
    lab: Lab
    history: History
    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)
    at_risk: dict[str, list[str]] = field(default_factory=dict)
    rrule: str = "DTSTART:20000101T000000\nRRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=1"
    last_tick: datetime | None = None

    # What a scenario may do to its system.

    def start_worker(self) -> None:
        """Start the scenario's worker, or start it again."""
        self.history.add("act", what="start the worker")
        self.lab.start_worker(self.scenario)

    def kill_worker(self) -> None:
        """SIGKILL to the scenario's worker; returns once it is dead."""
        self.lab.worker(self.scenario).kill()
        self.history.add("fault", what="worker killed (SIGKILL)")

    def give_signal(self) -> None:
        """Give the flows that wait for it their signal."""
        self.history.add("act", what="give the signal")
        self.lab.worker(self.scenario).write(self.lab.site.scenario_folder(self.scenario.name), {"signal": b""})

    def deploy_backlog(self) -> None:
        """Deploy treated and twin with a finite, pinned schedule whose first tick lies just ahead.

        Ticks past by the time that the scheduler sees the deployment are never made, so the first lies a deploy (half
        as long again as the server took to start) and a pass of the scheduler ahead. A deploy that took longer is
        done again, with more ahead.
        """
        ahead = 1.5 * self.lab.start_seconds + settings.SCHEDULER_LOOP_SECONDS + 1
        for _ in range(_STAGING_TRIES):
            first = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=round(ahead))
            self._schedule(first)
            self.write_deployments(self.lab.deployer, description="staged")
            seconds = self._must_deploy(list(SIDES))
            if datetime.now(timezone.utc) + timedelta(seconds=settings.SCHEDULER_LOOP_SECONDS) < first:
                break
            self.history.add("note", text=f"the deploy took {seconds:.0f} s, past the first tick; again")
            ahead = 2 * seconds + settings.SCHEDULER_LOOP_SECONDS + 2
        for side in SIDES:
            self.deployments[side] = self.lab.api.deployment(f"{self.scenario.name}-{side}", side)
            self.history.add("deployment", side=side, deployment=_deployment_facts(self.deployments[side]))

    def _schedule(self, first: datetime) -> None:
        ticks, interval = self.scenario.ticks, self.scenario.interval
        self.rrule = f"DTSTART:{first:%Y%m%dT%H%M%S}\\nRRULE:FREQ=SECONDLY;INTERVAL={interval};COUNT={ticks}"
        self.last_tick = first + timedelta(seconds=interval * (ticks - 1))

    def write_deployments(self, node: Node, *, description: str) -> None:
        """Write the scenario's files for `node`, the treated deployment described as said."""
        self.lab.write_scenario(node, self.scenario, {"RRULE": self.rrule, "DESCRIPTION": description})

    def _must_deploy(self, names: list[str]) -> float:
        result = self.lab.deploy(self.scenario, names)
        self.history.add("command", command="prefect deploy", names=names, **_result_facts(result))
        if result.exit_code:
            raise LabError(
                f"`prefect deploy` of {', '.join(names)} exited {result.exit_code} while staging",
                source="deployer",
                log=result.output[-4000:],
            )
        return result.seconds


# The phases.


def steady_state(trial: Trial) -> None:
    """A run of an unscheduled probe deployment in the work pool completes, before anything is hurt.

    Raises: SteadyStateError where it does not in time, with the worker's log; LabError for a wrong version.
    """
    lab, scenario = trial.lab, trial.scenario
    lab.api.create_work_pool(scenario.name)
    trial.start_worker()
    trial.write_deployments(lab.worker(scenario), description="staged")
    probe = lab.api.create_deployment(
        f"{scenario.name}-probe",
        "probe",
        work_pool=scenario.name,
        entrypoint="flow.py:probe",
        folder=lab.site.scenario_folder(scenario.name),
    )
    run_id = lab.api.create_flow_run(probe)["id"]
    trial.history.add("version", role="worker", said=lab.check_worker_version(scenario))

    def completed() -> dict[str, Any]:
        lab.check_server_alive()
        (run,) = lab.api.flow_runs(ids=[run_id]) or [{}]
        if run.get("state_type") != "COMPLETED":
            raise NotYet(f"the probe run is {run.get('state_name')}")
        return dict(run)

    try:
        run = wait_until(
            "a completed probe run", completed, seconds=lab.deadlines.steady_state, every=lab.deadlines.poll
        )
    except DeadlineError as error:
        lab.check_server_alive()
        log = lab.worker(scenario).log()[-4000:]
        raise SteadyStateError(f"the steady state never came: {error.reason}", source="worker", log=log) from error
    trial.history.add("steady-state", pool=scenario.name, run=_run_facts(run))


def stage(trial: Trial) -> None:
    """Hurt the system and make the backlog, for treated and twin alike."""
    trial.scenario.stage(trial)


def prove(trial: Trial) -> None:
    """Wait until the last staged tick is past and as many runs as can be are at risk on both sides; then list them.

    What is found is recorded whether it is enough or not: that is the checker's to say.
    """
    lab, scenario = trial.lab, trial.scenario
    if trial.last_tick is None:
        raise LabError("the scenario staged no backlog")
    remaining = (trial.last_tick - datetime.now(timezone.utc)).total_seconds()
    last_tick = trial.last_tick
    asked = lab.ask_prefect_version()

    def everything_at_risk() -> None:
        runs = _backlog_if_answered(trial)
        counts = {side: _count_at_risk(runs, side, scenario.state) for side in SIDES}
        # Where one run holds the slot, the others are at risk: every staged run must be somewhere other than Scheduled.
        waiting = [run for run in runs if run["state_name"] in ("Scheduled", "Pending")]
        staged = {side: sum(run["side"] == side for run in runs) for side in SIDES}
        if datetime.now(timezone.utc) <= last_tick or waiting or min(staged.values()) < scenario.ticks:
            raise NotYet(f"at risk {counts} of {staged} staged, {len(waiting)} still Scheduled or Pending")
        if min(counts.values()) < scenario.minimum:
            raise NotYet(f"at risk {counts}, of which {scenario.minimum} are needed")
        holding = {side: sum(run["side"] == side and run["state_type"] == "RUNNING" for run in runs) for side in SIDES}
        if min(holding.values()) < scenario.holders:
            raise NotYet(f"Running {holding}, of which {scenario.holders} are to hold what the others wait for")

    try:
        wait_until(
            f"{scenario.minimum} runs {scenario.state} a side",
            everything_at_risk,
            seconds=max(0.0, remaining) + lab.deadlines.backlog,
            every=lab.deadlines.poll,
        )
    except DeadlineError as error:
        lab.check_server_alive()
        trial.history.add("note", text=error.reason)
    try:
        trial.history.add("prefect-version", output=asked.result().output)
    except LabError as error:
        trial.history.add("note", text=f"`prefect version`: {error.reason}")


def trigger(trial: Trial) -> None:
    """List the backlog once more, open the door on the treated deployment alone, and record what proves it.

    The door counts as answered at the `updated` of the treated deployment, by the server's clock, in the first
    look that shows the nonce: a look every few tenths of a second while the command runs.
    """
    lab = trial.lab
    for side in SIDES:
        trial.history.add("deployment", side=side, when="before", deployment=_read_deployment(trial, side))
    _record_backlog(trial, "before the door")
    nonce = f"nonce-{secrets.token_hex(8)}"
    log_before = len(lab.server.log())
    trial.history.add("door-opens", door=trial.door.name, nonce=nonce)
    outcome: list[CommandResult | BaseException] = []

    def open_door() -> None:
        try:
            outcome.append(trial.door.open(trial, nonce))
        except BaseException as error:
            outcome.append(error)

    opener = threading.Thread(target=open_door)
    opener.start()
    seen: dict[str, Any] | None = None
    try:
        ended = False
        while not ended and seen is None:
            opener.join(0.25)
            ended = not opener.is_alive()
            facts = _read_deployment(trial, "treated")
            seen = facts if nonce in str(facts.get("description")) else None
    finally:
        opener.join()  # the door's own deadline bounds it; nothing is taken down around a door that is open
    (result,) = outcome
    excerpt = lab.server.log()[log_before:].splitlines()[-_LOG_LINES:]
    if isinstance(result, BaseException):
        trial.history.add(
            "door", door=trial.door.name, nonce=nonce, exit_code=None, output=str(result), server_log=excerpt
        )
        raise result
    trial.history.add(
        "door",
        door=trial.door.name,
        nonce=nonce,
        answered_at=seen and seen.get("updated"),
        server_log=excerpt,
        **_result_facts(result),
    )
    for side in SIDES:
        trial.history.add("deployment", side=side, when="after", deployment=_read_deployment(trial, side))


def observe(trial: Trial) -> None:
    """Look every run at risk up by its id, and read the state history of each that is there."""
    _look(trial, "after the door")
    _record_states(trial, "after the door")


def drain(trial: Trial) -> None:
    """Lift the fault, wait until every kept run has ended, and look every run up again.

    The bound starts again whenever a run of the trial changes state, under a hard cap.
    """
    deadlines = trial.lab.deadlines
    trial.scenario.lift(trial)
    trial.history.add("lifted", what=trial.scenario.lift_text)
    started = moved = datetime.now(timezone.utc)
    last: dict[str, str] = {}

    def settled() -> str:
        nonlocal moved, last
        runs = _backlog_if_answered(trial)
        now = datetime.now(timezone.utc)
        # A run that only asks for its slot again and again gets a new state each time, and has not moved.
        names = {run["id"]: run["state_name"] for run in runs}
        if names != last:
            moved, last = now, names
        if runs and all(run["state_type"] in ENDED for run in runs):
            return "every run that is there has ended"
        if not runs:
            return "no run is there"
        if (now - moved).total_seconds() > deadlines.drain_idle:
            return f"no run changed state within {deadlines.drain_idle:.0f} s"
        if (now - started).total_seconds() > deadlines.drain_cap:
            return f"the hard cap of {deadlines.drain_cap:.0f} s"
        raise NotYet(", ".join(sorted(names.values())))

    ended = wait_until("the drain", settled, seconds=deadlines.drain_cap + 60, every=deadlines.poll)
    trial.history.add("drained", ended=ended)
    _look(trial, "after the drain")
    _record_backlog(trial, "after the drain")


# What is read from the server.


def _backlog(trial: Trial) -> list[dict[str, Any]]:
    """Every run of treated and twin with its side, from the server's listing."""
    sides = {deployment["id"]: side for side, deployment in trial.deployments.items()}
    runs = trial.lab.api.flow_runs(deployments=sides)
    return [{**run, "side": sides[run["deployment_id"]]} for run in runs]


def _backlog_if_answered(trial: Trial) -> list[dict[str, Any]]:
    """The backlog for a wait: a living server that does not answer is a reason to wait on. Raises NotYet, LabError."""
    trial.lab.check_server_alive()
    try:
        return _backlog(trial)
    except NoAnswerError as error:
        raise NotYet(error.reason) from error


def _count_at_risk(runs: Iterable[dict[str, Any]], side: str, state: str) -> int:
    return sum(run["side"] == side and run["state_name"] == state for run in runs)


def _record_backlog(trial: Trial, when: str) -> None:
    runs = _backlog(trial)
    trial.history.add("listing", when=when, runs=[_run_facts(run) for run in runs])
    if not trial.at_risk:
        state = trial.scenario.state
        trial.at_risk = {
            side: [run["id"] for run in runs if run["side"] == side and run["state_name"] == state] for side in SIDES
        }


def _look(trial: Trial, when: str) -> None:
    """Look every run at risk up by its id, the twin's first; what is not a 200 is asked for twice."""
    answers = []
    for side in reversed(SIDES):  # the twin first: its 200 shows that the server answers for runs at all
        for run_id in trial.at_risk.get(side, ()):
            answers.append(_look_up(trial, side, run_id))
            if answers[-1]["status"] != 200:
                answers.append(_look_up(trial, side, run_id))
    trial.history.add("look", when=when, answers=answers)


def _look_up(trial: Trial, side: str, run_id: str) -> dict[str, Any]:
    status, body = trial.lab.api.flow_run(run_id)
    answer: dict[str, Any] = {"run": run_id, "side": side, "status": status}
    if status == 200 and isinstance(body, dict):
        return {**answer, **_run_facts({**body, "side": side})}
    return {**answer, "body": body}


def _record_states(trial: Trial, when: str) -> None:
    for side in SIDES:
        for run_id in trial.at_risk.get(side, ()):
            states = [_state_facts(state) for state in trial.lab.api.states(run_id)]
            trial.history.add("states", when=when, run=run_id, side=side, states=states)


def _read_deployment(trial: Trial, side: str) -> dict[str, Any]:
    return _deployment_facts(trial.lab.api.read_deployment(trial.deployments[side]["id"]))


def _deployment_facts(deployment: dict[str, Any]) -> dict[str, Any]:
    schedules = deployment.get("schedules") or []
    kept = ("id", "name", "description", "updated", "paused", "work_pool_name", "work_queue_name", "concurrency_limit")
    return {
        **{key: deployment.get(key) for key in kept},
        "schedules": [{key: s.get(key) for key in ("id", "active", "schedule")} for s in schedules],
    }


_RUN_FACTS = (
    "side", "name", "deployment_id", "work_pool_name", "work_queue_name", "expected_start_time",
    "next_scheduled_start_time",
    "state_type", "state_name", "state_id", "start_time", "run_count", "auto_scheduled",
)  # fmt: skip


def _run_facts(run: dict[str, Any]) -> dict[str, Any]:
    state = run.get("state") or {}
    facts = {"run": run["id"], **{key: run.get(key) for key in _RUN_FACTS}, "state_timestamp": state.get("timestamp")}
    # Why a run ended otherwise than Completed, in Prefect's words.
    return {**facts, "state_message": str(state.get("message"))[:1000]} if state.get("type") in _UNHAPPY else facts


def _state_facts(state: dict[str, Any]) -> dict[str, Any]:
    return {key: state.get(key) for key in ("id", "type", "name", "timestamp")}


def _result_facts(result: CommandResult) -> dict[str, Any]:
    output = re.sub(r"\n{2,}", "\n", result.output).strip()[-8000:]
    return {"exit_code": result.exit_code, "seconds": round(result.seconds, 1), "output": output}
