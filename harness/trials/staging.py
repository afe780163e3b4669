"""One scenario staged in one lab, for all of its trials: steady state, backlog, proof, drain.

Each phase is a function from a Staging to its trials' histories; none of them judges. What a phase cannot do raises
LabError, and ends every trial of the staging.
"""

from __future__ import annotations

import ast
import string
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from harness.engines.base import Node
from harness.history import moment
from harness.lab.facts import deployment_facts, execution_facts, result_facts, run_facts
from harness.lab.lab import Lab, last_error, worker_name
from harness.trials.scenario import Scenario
from harness.trials.system import StagedSystem
from harness.trials.trial import TREATED, TWIN, Trial
from harness.words.costs import WAITS
from harness.words.errors import DeadlineError, LabError, NoAnswerError, SteadyStateError
from harness.words.names import ENDED, HOLDS_A_SLOT
from harness.words.waiting import NotYet, wait_until

PROBE = "probe"
EXECUTIONS, MARKS = "executions.py", "executions.jsonl"  # beside the flow, and what it writes there
_STAGING_TRIES = 5
_SCHEDULER_TRIES = 3  # how often a deploy is done again whose runs the scheduler did not make in time
_REFUSED_WRITE = 2.0  # seconds that Prefect's client waits after a 503; a deploy meets one now and then on SQLite
_MORE_AHEAD = 3.0  # seconds that the first tick lies further ahead at each try, at the least
_WORKER_RESTARTS = 5
_STANDS_STILL = 10.0  # seconds between two answers that are no sign of a worker that leaves runs alone


@dataclass
class Staging:
    """A scenario under way. It acts through these methods; everything they do is in the history of each trial.

    deployed       ids of the twin and of every treated deployment, by name; of trials that failed since, too
    quiet_seconds  how long nothing may happen in the drain because a time has not come yet; set by the scenario
    last_tick      when the last of what is staged is due; `upcoming` runs are at risk until then, others from then on
    together       every staging of the lab, this one too
    deletes_nothing  its backlog stands, and nothing but a door may delete a run of it
    turn           holds the lab's turn from the start of the worker until the backlog is deployed. Stagings side by
                   side refuse each other writes on SQLite (503), and what was refused one asks again after 2 s or more.
                   Default runs of 3.3.3 and 3.3.4 with a turn and four ticks for the slot: 28 refused in 4 labs; side
                   by side and with five ticks: 45 in 4 labs
    """

    scenario: Scenario
    lab: Lab
    trials: list[Trial]
    twin: dict[str, Any] = field(default_factory=dict)
    deployed: dict[str, str] = field(default_factory=dict)
    quiet_seconds: float = 0.0
    rrule: str = "DTSTART:20000101T000000\\nRRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=1"
    last_tick: datetime | None = None
    together: Sequence[Staging] = ()
    deletes_nothing: bool = False
    turn: ExitStack = field(default_factory=ExitStack)
    _beside: dict[str, bytes] = field(default_factory=dict)  # what was put beside the flow

    @property
    def twin_name(self) -> str:
        """The twin deployment's name."""
        return f"{self.scenario.name}--{TWIN}"

    def flow_of(self, deployment: str) -> str:
        """The name of the flow that a deployment is of: the twin and each treated deployment have one of their own."""
        return f"{self.scenario.flows}-{TWIN}" if deployment == self.twin_name else deployment

    def _function_of(self, deployment: str) -> str:
        """The function in flow.py that a deployment runs."""
        return TWIN if deployment == self.twin_name else deployment.replace("-", "_")

    def record(self, kind: str, **facts: Any) -> None:
        """Add an event to the history of every trial."""
        for trial in self.trials:
            trial.history.add(kind, **facts)

    def take_turn(self) -> None:
        """Wait until no other staging of the lab has the turn; it is given back when `turn` is closed."""
        with WAITS.of("the turn of another scenario"):
            self.turn.enter_context(self.lab.turn)

    def start_worker(self) -> None:
        """Start the scenario's worker, or start it again."""
        self.record("act", what="start the worker")
        self.lab.start_worker(self.scenario)

    def put_beside_flow(self, name: str, text: str) -> None:
        """Put a file beside flow.py wherever the flows run, for them to read, and wherever they will."""
        self.record("act", what=f"put {name!r} beside the flow", text=text)
        self._beside[name] = text.encode()
        for worker, folder in self._where_flows_run():
            worker.write(folder, {name: text.encode()})

    def _where_flows_run(self) -> list[tuple[Node, str]]:
        """The staging's worker, or each process that serves one of its deployments, and where its flow.py lies."""
        names = (f"{self.scenario.name}--{PROBE}", *self.deployed) if self.scenario.served_by else ("",)
        folders = {worker_name(self.scenario, name): self._folder(name) for name in names}
        workers = self.lab.workers(self.scenario)
        return [(worker, folders[worker.name]) for worker in workers if worker.name in folders]

    def executions(self) -> list[dict[str, Any]]:
        """Each time that a flow ran so far, by the marks that it left outside of Prefect.

        `scenarios/_common/executions.py` writes them. Returns: the facts of each (harness/lab/facts.py). Raises:
        LabError for what is no mark.
        """
        found = []
        for worker, folder in self._where_flows_run():
            try:
                found += execution_facts(worker.read(f"{folder}/{MARKS}").decode(errors="replace"))
            except ValueError as error:
                raise LabError(f"{MARKS}: {error}", source=worker.name) from error
        return found

    def cancel_left_behind(self, deployment_id: str) -> None:
        """Cancel what a stopped process left Running: its next start does not take that up."""
        for run in self.lab.api.flow_runs(deployments=[deployment_id]):
            if run["state_type"] in HOLDS_A_SLOT:
                self.record("act", what="cancel a run that the stopped process left behind", run=run_facts(run))
                self.lab.api.cancel_flow_run(run["id"], "The process that ran it was stopped.")

    def _cancel_earlier(self, first: datetime) -> None:
        """Cancel what is scheduled for before the first tick. A run that holds a slot is left to hold it."""
        for run in self.lab.api.flow_runs(deployments=self.deployed.values()):
            if run["state_type"] == "SCHEDULED" and moment(run["expected_start_time"]) < first:
                self.record("act", what="cancel a run of an earlier try's schedule", run=run_facts(run))
                try:
                    self.lab.api.cancel_flow_run(run["id"], "Its schedule was replaced.")
                except LabError as error:  # then it is at risk beside the others
                    self.record("note", text=f"it was not cancelled: {error.reason}")

    def deploy_backlog(self, later: float = 0.0) -> None:
        """Deploy the twin and every treated deployment with a finite, pinned schedule whose first tick lies just ahead.

        `later`: so many seconds further ahead than it has to.

        Ticks past by the time that the scheduler sees the deployment are never made, so the first lies a deploy
        (`Lab.deploy_seconds`) and a pass of the scheduler (`Lab.scheduler_pass`) ahead. A deploy that took longer is
        done again, with more ahead, and so is one whose runs the scheduler had not all made by the first tick; what
        the schedule of an earlier try left is cancelled.
        """
        ahead = self.lab.deploy_seconds(len(self._names())) + _REFUSED_WRITE + self.lab.scheduler_pass + 1 + later
        for number in range(_STAGING_TRIES):
            if number:
                self.take_turn()
            first = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=round(ahead))
            self._schedule(first)
            seconds = self._deploy_all()
            self.turn.close()
            self.deployed = {name: self._deployment(name)["id"] for name in self._names()}
            on_time = datetime.now(timezone.utc) + timedelta(seconds=self.lab.scheduler_pass + later) < first
            late = f"the deploy took {seconds:.0f} s, past the first tick"
            if on_time:
                late = self._lacks_runs(first, until=first - timedelta(seconds=later))
            again = number + 1 < (_SCHEDULER_TRIES if on_time else _STAGING_TRIES)
            if late:
                self.record("note", text=late + "; again" * again)
            if not late or not again:
                break
            took = (1 + number / 2) * seconds + self.lab.scheduler_pass + 2 + later
            ahead = max(took, ahead + _MORE_AHEAD)
        if number:
            self._cancel_earlier(first)
        self._read_deployments()

    def _lacks_runs(self, first: datetime, until: datetime) -> str:
        """What a deployment still lacks by `until`; empty once the scheduler has made a run for every tick of each."""
        spaced = timedelta(seconds=self.scenario.interval)
        ticks = {first + spaced * number for number in range(self.scenario.ticks)}

        def all_made() -> None:
            lacking = {deployment_id: set(ticks) for deployment_id in self.deployed.values()}
            for run in _runs_if_answered(self):
                lacking[run["deployment_id"]].discard(moment(run["expected_start_time"]))
            for name, deployment_id in self.deployed.items():
                if left := lacking[deployment_id]:
                    raise NotYet(f"{name} had no run for {len(left)} of {len(ticks)} ticks")

        try:
            seconds = (until - datetime.now(timezone.utc)).total_seconds()
            wait_until("the scheduler's runs", all_made, seconds=max(0.0, seconds), every=0.5)
        except DeadlineError as error:
            return error.reason
        return ""

    def _names(self) -> list[str]:
        """The twin's name and every treated deployment's."""
        return [self.twin_name, *(trial.name for trial in self.trials)]

    def deploy(self) -> None:
        """Deploy the twin and every treated deployment, for a scenario whose deployments have no schedule."""
        self._deploy_all()
        self._read_deployments()

    def create_runs(self, ahead: float) -> None:
        """Schedule the scenario's number of runs of every deployment, as a person does, `ahead` seconds from now."""
        due = datetime.now(timezone.utc) + timedelta(seconds=ahead)
        self.record("act", what=f"create {self.scenario.ticks} runs of each deployment for {due:%H:%M:%S}")
        for deployment_id in self.deployed.values():
            for _ in range(self.scenario.ticks):
                self.lab.api.create_flow_run(deployment_id, due)
        self.last_tick = due

    def _read_deployments(self) -> None:
        self.twin = self._deployment(self.twin_name)
        self.deployed[self.twin_name] = self.twin["id"]
        self.record("deployment", side=TWIN, deployment=deployment_facts(self.twin))
        for trial in self.trials:
            trial.treated = self._deployment(trial.name)
            self.deployed[trial.name] = trial.treated["id"]
            trial.history.add("deployment", side="treated", deployment=deployment_facts(trial.treated))

    def _schedule(self, first: datetime) -> None:
        ticks, interval = self.scenario.ticks, self.scenario.interval
        self.rrule = f"DTSTART:{first:%Y%m%dT%H%M%S}\\nRRULE:FREQ=SECONDLY;INTERVAL={interval};COUNT={ticks}"
        self.last_tick = first + timedelta(seconds=interval * (ticks - 1))

    def _deployment(self, name: str) -> dict[str, Any]:
        return dict(self.lab.api.deployment(self.flow_of(name), name))

    def _folder(self, deployment: str) -> str:
        """Where a deployment's flow.py lies: one folder for all, but that each served one has its own."""
        return self.lab.site.scenario_folder((self.scenario.served_by and deployment) or self.scenario.name)

    def write_deployments(self, node: Node, names: Iterable[str], **changed: str) -> None:
        """Write the scenario's flow.py for `node`, and its prefect.yaml with these deployments.

        `changed` is what differs from how they were staged, by the name of the template's value.
        """
        folder = self.lab.site.scenario_folder(self.scenario.name)
        node.write(folder, self._files(folder, names, **changed))

    def _files(self, folder: str, names: Iterable[str], **changed: str) -> dict[str, bytes]:
        staged = {
            "FLOWS": self.scenario.flows,
            "DIRECTORY": folder,
            "POOL": self.scenario.name,
            "RRULE": self.rrule,
            "DESCRIPTION": "staged",
            "PARAMETERS": "{}",
            "SLUG": "null",
        }
        own = {trial.name: trial.door.staged for trial in self.trials}
        template = self.scenario.file("prefect.yaml").read_text(encoding="utf-8")
        values = [
            {**staged, "NAME": name, "FLOW": self._function_of(name), **own.get(name, {}), **changed} for name in names
        ]
        code = self.scenario.file("flow.py").read_text(encoding="utf-8").replace("${FLOWS}", self.scenario.flows)
        treated = {*self.deployed, *(trial.name for trial in self.trials)} - {self.twin_name}
        flows = {self.flow_of(name): self._function_of(name) for name in sorted(treated)}
        return {
            "prefect.yaml": render(template, values).encode(),
            "flow.py": with_flows(code, f"{self.scenario.flows}-{TREATED}", flows).encode(),
            **{name: self.scenario.file(name).read_bytes() for name in (EXECUTIONS, self.scenario.served_by) if name},
            **self._beside,
        }

    def serve(self, name: str, **changed: str) -> None:
        """Serve a deployment by a process of its own. What differs from how it is staged: as in `write_deployments`."""
        self.lab.serve(self.scenario, name, self._files(self._folder(name), [name], **changed))

    def _serve_all(self) -> float:
        """Serve the twin and every treated deployment; returns the seconds until all of them had their schedule."""
        names = self._names()
        for name, deployment_id in self.deployed.items():  # of an earlier try
            self.record("act", what=f"kill the process that serves {name} (SIGKILL)")
            self.lab.worker(self.scenario, name).kill()
            self.cancel_left_behind(deployment_id)
        self.record("act", what=f"serve {', '.join(names)}")
        started = time.monotonic()
        for name in names:
            self.serve(name)
        for name in names:
            self.wait_until_served(name, self.flow_of(name))
        return time.monotonic() - started

    def wait_until_served(self, name: str, flow: str) -> dict[str, Any]:
        """The deployment, once the process that serves it has given it the staging's schedule."""
        node = self.lab.worker(self.scenario, name)
        wanted = self.rrule.replace("\\n", "\n")

        def there() -> dict[str, Any]:
            self.lab.check_server_alive()
            if not node.running():
                raise LabError(f"the process that serves {name} ended", source=node.name, log=node.log()[-4000:])
            status, found = self.lab.api.answer(f"/deployments/name/{flow}/{name}")
            rules = [each["schedule"].get("rrule") for each in found.get("schedules") or ()] if status == 200 else []
            if wanted not in rules:
                raise NotYet(f"the server answered {status}, schedules {rules}")
            return dict(found)

        return wait_until(f"{name}, served", there, seconds=self.lab.deadlines.door, source=node.name)

    def _deploy_all(self) -> float:
        """`prefect deploy` of the twin and every treated deployment, which must succeed; returns its seconds."""
        if self.scenario.served_by:
            return self._serve_all()
        names = self._names()
        self.write_deployments(self.lab.deployer, names)
        result = self.lab.deploy(self.scenario, names)
        self.record("command", command="prefect deploy", names=names, **result_facts(result))
        if result.exit_code:
            raise LabError(
                f"`prefect deploy` of {', '.join(names)} exited {result.exit_code} while staging",
                source="deployer",
                log=result.output[-4000:],
            )
        return result.seconds


def render(template: str, deployments: Iterable[Mapping[str, str]]) -> str:
    """A scenario's prefect.yaml: its one deployment, after the line `deployments:`, as often as there are values."""
    values = list(deployments)
    head, line, one = template.partition("\ndeployments:\n")
    if not line:
        raise LabError("the scenario's prefect.yaml has no line `deployments:`")
    blocks = [string.Template(one).substitute(value) for value in values]
    return string.Template(head).substitute(values[0]) + line + "".join(blocks)


def with_flows(code: str, flow: str, flows: Mapping[str, str]) -> str:
    """A flow.py in which the function of the flow `flow` stands as often as there are flows: functions by flow name.

    Raises: LabError where the code has no such function, declared by `@flow(name="...")` and nothing above it.
    """
    lines, declared = code.splitlines(keepends=True), f'@flow(name="{flow}"'
    for node in ast.parse(code).body:
        if not isinstance(node, ast.FunctionDef) or not node.decorator_list:
            continue
        if lines[node.decorator_list[0].lineno - 1].startswith(declared):
            one = "".join(lines[node.decorator_list[0].lineno - 1 : node.end_lineno])
            named = f"def {node.name}("
            each = (
                one.replace(declared, f'@flow(name="{name}"', 1).replace(named, f"def {function}(", 1)
                for name, function in flows.items()
            )
            return "\n\n".join([code, *each])
    raise LabError(f"the scenario's flow.py declares no flow {flow!r}")


# The phases.


def steady_state(staging: Staging) -> None:
    """A run of an unscheduled probe deployment in the work pool completes, and the scheduler makes a run of another.

    All of it before anything is hurt, and soon: where the server or the worker does nothing, nothing can be said.
    Raises: SteadyStateError where one does not come in time, with the log of what did nothing; LabError for a wrong
    version, and where the run left no mark of its execution.
    """
    lab, scenario = staging.lab, staging.scenario
    staging.take_turn()
    lab.try_scheduler()
    run_id = lab.api.create_flow_run(_make_probe(staging))["id"]

    def completed() -> dict[str, Any]:
        lab.check_server_alive()
        (run,) = lab.api.flow_runs(ids=[run_id]) or [{}]
        if run.get("state_type") != "COMPLETED":
            raise NotYet(f"the probe run is {run.get('state_name')}")
        return dict(run)

    try:
        run = wait_until(
            "a completed probe run",
            completed,
            seconds=lab.patience(lab.deadlines.steady_state, 20),
            every=lab.deadlines.poll,
        )
    except DeadlineError as error:
        lab.check_server_alive()
        log = lab.workers(scenario)[0].log()[-4000:]
        raise SteadyStateError(f"the steady state never came: {error.reason}", source="worker", log=log) from error
    if run_id not in [mark["run"] for mark in staging.executions() if mark["ended"]]:
        raise LabError("the probe run completed, and its flow left no mark of its execution", source="worker")
    staging.record("version", role="worker", said=lab.check_worker_version(scenario))
    lab.check_scheduler()
    if not scenario.served_by:
        lab.learn_job_template(scenario.name)
    staging.record("steady-state", pool=None if scenario.served_by else scenario.name, run=run_facts(run))


def _make_probe(staging: Staging) -> str:
    """The id of an unscheduled deployment that the scenario's worker, or a process of its own, serves."""
    lab, scenario = staging.lab, staging.scenario
    name = f"{scenario.name}--{PROBE}"
    if scenario.served_by:
        staging.serve(name, FLOW=PROBE)
        return str(staging.wait_until_served(name, f"{scenario.flows}-{PROBE}")["id"])
    # All of it before the worker starts, so that neither refuses the other a write.
    lab.create_work_pool(scenario.name)
    probe = lab.api.create_deployment(
        f"{scenario.flows}-{PROBE}",
        name,
        work_pool=scenario.name,
        entrypoint=f"flow.py:{PROBE}",
        folder=lab.site.scenario_folder(scenario.name),
    )
    staging.start_worker()
    staging.write_deployments(lab.worker(scenario), [staging.twin_name])
    return probe


def stage(staging: Staging) -> None:
    """Hurt the system and make the backlog, for every treated deployment and the twin alike."""
    fault = staging.scenario.cause
    if fault.hurts:
        fault.hurt(StagedSystem(staging))
        staging.record("fault", fault=fault.name, what=fault.name.replace("-", " "))
    staging.scenario.stage(staging)
    staging.turn.close()


def prove(staging: Staging) -> None:
    """Wait until the last staged tick is past and as many runs as can be are at risk on every side.

    What is found is recorded whether it is enough or not: that is the checker's to say.
    """
    lab, scenario = staging.lab, staging.scenario
    if staging.last_tick is None:
        raise LabError("the scenario staged no backlog")
    # Upcoming runs are at risk as they are; others once their time is past.
    due = datetime.now(timezone.utc) if scenario.upcoming else staging.last_tick
    remaining = (due - datetime.now(timezone.utc)).total_seconds()
    # The scheduler makes no run for a tick that is past; what it was making then is there after one more pass.
    last_tick = due + timedelta(seconds=lab.scheduler_pass)
    asked = lab.ask_prefect_version()
    # Where a first try puts a run at risk, each has to begin, and takes as long for that as the server took to start.
    begin = lab.start_seconds * scenario.ticks * len(staging.deployed)

    def everything_at_risk() -> None:
        runs = _runs_if_answered(staging)
        staged = {name: [r for r in runs if r["deployment_id"] == id_] for name, id_ in staging.deployed.items()}
        counts = {name: sum(run["state_name"] == scenario.state for run in found) for name, found in staged.items()}
        # Where one run holds the slot, the others are at risk: every staged run must be somewhere other than Scheduled.
        waiting = [run for run in runs if run["state_name"] in {"Scheduled", "Pending"} - {scenario.state}]
        made = [sum(run["state_type"] != "CANCELLED" for run in found) for found in staged.values()]
        if datetime.now(timezone.utc) <= (due if min(made) >= scenario.ticks else last_tick) or waiting:
            raise NotYet(f"at risk {counts} of {len(runs)} staged, {len(waiting)} still Scheduled or Pending")
        if min(counts.values()) < scenario.minimum:
            raise NotYet(f"at risk {counts}, of which {scenario.minimum} are needed")
        holding = {name: sum(run["state_type"] == "RUNNING" for run in found) for name, found in staged.items()}
        if min(holding.values()) < scenario.holders or sum(holding.values()) < scenario.holders_together:
            raise NotYet(f"Running {holding}, not yet enough to hold what the others wait for")

    try:
        wait_until(
            f"{scenario.minimum} runs {scenario.state} a side",
            everything_at_risk,
            seconds=max(0.0, remaining) + max(lab.deadlines.backlog, begin),
            every=lab.deadlines.poll,
        )
    except DeadlineError as error:
        lab.check_server_alive()
        staging.record("note", text=error.reason + last_error(lab.server.log()))
    try:
        staging.record("prefect-version", output=asked.result().output)
    except LabError as error:
        staging.record("note", text=f"`prefect version`: {error.reason}")
    staging.deletes_nothing = True


def drain(staging: Staging) -> None:
    """Lift the fault, and wait until every run that is there has ended.

    The bound starts again whenever a run of the staging changes state, under a hard cap. A worker that ends by itself
    meanwhile is started again, and so is one that lives and leaves overdue runs alone, the twin's among them (up to 3.0
    a worker asks once in its life for a run that found no slot). What one that ended may have taken with it is no
    verdict (see verdict.py).
    """
    with staging.lab.door:
        # What serves a deployment deploys it as it starts again, and that may delete runs of it.
        staging.deletes_nothing = not staging.scenario.served_by
        staging.scenario.cause.lift(StagedSystem(staging))
    staging.record("lifted", fault=staging.scenario.fault, what=staging.scenario.cause.lifted)
    deadlines, drained = staging.lab.deadlines, _Drain(staging)
    ended = wait_until("the drain", drained.settled, seconds=deadlines.drain_cap + 60, every=deadlines.poll)
    staging.record("drained", ended=ended, holding=drained.holding, restarts=drained.restarts)


class _Drain:
    """What the drain of a staging has seen so far."""

    def __init__(self, staging: Staging) -> None:
        self.staging, self.lab, self.deadlines = staging, staging.lab, staging.lab.deadlines
        self.holding = 0  # runs that held a slot at the last look
        self.restarts = 0  # of a living worker
        self._patience = max(self.deadlines.left_alone, 3 * self.lab.start_seconds * self.lab.share)
        self._idle = max(self.deadlines.drain_idle, 2 * self._patience) + staging.quiet_seconds
        self._started = self._moved = self._quiet_since = self._answered = datetime.now(timezone.utc)
        self._names: dict[str, str] = {}
        self._deaths = 0
        self._taken: set[str] = set()

    def settled(self) -> str:
        """How the drain ended. Raises: NotYet; LabError where the server does not live."""
        runs = _runs_if_answered(self.staging)
        # One with a limit of its own ends where the server refuses it a write (503) while it submits a run (3.3.4).
        if self._deaths < _WORKER_RESTARTS and (log := self.lab.restart_workers_that_ended(self.staging.scenario)):
            self._deaths += 1
            text = "the worker had ended by itself, and was started again"
            self.staging.record("worker-restarted", text=text, log=log)
        holders = _holders(runs)
        self.holding = len(holders)
        now = datetime.now(timezone.utc)
        # A run that only asks for its slot again and again gets a new state each time, and has not moved.
        names = {run["id"]: run["state_name"] for run in runs}
        if names != self._names:
            self._moved, self._names = now, names
        if self._moved == now or (now - self._answered).total_seconds() > _STANDS_STILL:
            self._quiet_since = now
        self._answered = now
        if runs and all(run["state_type"] in ENDED for run in runs):
            return "every run that is there has ended"
        if not runs:
            return "no run is there"
        if (now - self._moved).total_seconds() > self._idle:
            return f"no run changed state within {self._idle:.0f} s"
        if (now - self._started).total_seconds() > self.deadlines.drain_cap:
            return f"the hard cap of {self.deadlines.drain_cap:.0f} s"
        quiet = now - self._quiet_since > timedelta(seconds=self._patience)
        if quiet and not holders - self._taken and self._leaves_runs_alone(runs, now):
            self._restart_worker()
            self._quiet_since = datetime.now(timezone.utc)
        raise NotYet(", ".join(sorted(names.values())))

    def _leaves_runs_alone(self, runs: Sequence[dict[str, Any]], now: datetime) -> bool:
        """Whether runs are overdue that a worker could have taken, and not by the door alone."""
        longest = timedelta(seconds=self._patience)
        overdue = {r["deployment_id"] for r in runs if r["state_type"] == "SCHEDULED" and now - _due(r) > longest}
        # What the door did to the treated runs alone is no worker's doing, and stays as it is.
        its_way = self.restarts > 0 or self.staging.deployed[self.staging.twin_name] in overdue
        return its_way and bool(overdue) and not self.staging.scenario.served_by

    def _restart_worker(self) -> None:
        """Kill the worker and start it again; what it had taken at the last moment is recorded."""
        self.restarts += 1
        why = f"no overdue run has moved for {self._patience:.0f} s"
        self.staging.record("act", what=f"kill the worker (SIGKILL) and start it again: {why}")
        worker = self.lab.worker(self.staging.scenario)
        worker.kill()
        worker.start()
        try:
            held = _holders(_runs_if_answered(self.staging))
            taken = ", ".join(sorted(held - self._taken))
            self._taken |= held
        except NotYet as error:
            taken = f"what is not known ({error})"
        if taken:
            text = f"the worker was killed with {taken}, and was started again"
            self.staging.record("worker-restarted", text=text, log=worker.log()[-2000:])


def _holders(runs: Iterable[dict[str, Any]]) -> set[str]:
    """The ids of the runs that hold a slot."""
    return {run["id"] for run in runs if run["state_type"] in HOLDS_A_SLOT}


def _due(run: dict[str, Any]) -> datetime:
    """When a run may start, as it is scheduled now."""
    return moment(run["next_scheduled_start_time"] or run["expected_start_time"])


def _runs_if_answered(staging: Staging) -> list[dict[str, Any]]:
    """The staging's runs for a wait: a living server that does not answer is a reason to wait on.

    Raises: NotYet; LabError where the server does not live.
    """
    staging.lab.check_server_alive()
    try:
        return list(staging.lab.api.flow_runs(deployments=staging.deployed.values()))
    except NoAnswerError as error:
        raise NotYet(error.reason) from error
