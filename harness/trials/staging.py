"""One scenario staged in one lab, for all of its trials: what its phases know, and what they do by it.

The phases are functions from a Staging to its trials' histories (steady_state.py, backlog.py, drain.py); none of them
judges. What a phase cannot do raises LabError, and ends every trial of the staging.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from harness.doors import Door
from harness.engines.base import Node
from harness.history import History
from harness.lab.facts import deployment_facts, execution_facts, result_facts, run_facts
from harness.lab.lab import Lab, worker_name
from harness.trials.scenario import Scenario
from harness.trials.templates import MARKS, PREFECT_YAML, as_in_the_file, files_of, job_variables
from harness.trials.trial import TREATED, TWIN, Trial
from harness.words.costs import WAITS
from harness.words.errors import LabError, NoAnswerError
from harness.words.names import HOLDS_A_SLOT
from harness.words.waiting import NotYet

PROBE = "probe"
_MIGRATION = 30.0  # seconds; from 3.1.15 to 3.9.1 it took less than 7, with the start of the server, on a busy machine


@dataclass
class Staging:
    """A scenario under way. What is done through these methods is in the history of each trial.

    own_pools      names of the work pools that treated deployments have for themselves, as their doors say (their own
                   names; a worker serves each); all else is in the scenario's work pool
    deployed       ids of the twin and of every treated deployment, by name; of trials that failed since, too
    quiet_seconds  how long nothing may happen in the drain because a time has not come yet; set by the scenario
    last_tick      when the last of what is staged is due; `upcoming` runs are at risk until then, others from then on
    due            the ticks of the schedule that its deployments were given last
    goes_on        its schedules have no end. What is due after `last_tick` is no part of the backlog, and is not waited
                   for in the drain
    together       every staging of the lab, this one too
    ended_with_process  ids of the runs whose process was killed, or ended with the worker that it ran in
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
    own_pools: list[str] = field(default_factory=list)
    deployed: dict[str, str] = field(default_factory=dict)
    quiet_seconds: float = 0.0
    first: datetime = datetime(2000, 1, 1, tzinfo=timezone.utc)
    last_tick: datetime | None = None
    due: Sequence[datetime] = ()
    goes_on: bool = False
    together: Sequence[Staging] = ()
    deletes_nothing: bool = False
    ended_with_process: set[str] = field(default_factory=set)
    turn: ExitStack = field(default_factory=ExitStack)
    _beside: dict[str, bytes] = field(default_factory=dict)  # what was put beside the flow

    def add_trial(self, door: Door, history: History, *, at: str = "") -> Trial:
        """One more trial: a door on a deployment of its own, and in a work pool of its own where the door says so.

        `at`: when the door is opened, in words (words/moments.py).
        """
        trial = Trial(door, self, history, at=at)
        self.trials.append(trial)
        if door.own_pool:
            self.own_pools.append(trial.name)
        return trial

    @property
    def pools(self) -> tuple[str, ...]:
        """Its work pools, the scenario's first; none where each deployment is served by a process of its own."""
        return () if self.scenario.served_by else (self.scenario.name, *self.own_pools)

    def pool_of(self, deployment: str) -> str:
        """The work pool that a deployment is in."""
        return deployment if deployment in self.own_pools else self.scenario.name  # rule: own-pool-treated (never)

    @property
    def twin_name(self) -> str:
        """The twin deployment's name."""
        return f"{self.scenario.name}--{TWIN}"

    def flow_of(self, deployment: str) -> str:
        """The name of the flow that a deployment is of: the twin and each treated deployment have one of their own."""
        return f"{self.scenario.flows}-{TWIN}" if deployment == self.twin_name else deployment  # rule: door-own-flow

    def _function_of(self, deployment: str) -> str:
        """The function in flow.py that a deployment runs."""
        return TWIN if deployment == self.twin_name else deployment.replace("-", "_")

    def record(self, kind: str, **facts: Any) -> None:
        """Add an event to the history of every trial."""
        for trial in self.trials:
            trial.history.add(kind, **facts)

    @property
    def doors_take(self) -> float:
        """Seconds that doors may take here, beside a command: one starts the server anew, and has it migrate."""
        return sum(4 * self.lab.server_seconds + _MIGRATION for trial in self.trials if trial.door.reach)

    def take_turn(self) -> None:
        """Wait until no other staging of the lab has the turn; it is given back when `turn` is closed."""
        with WAITS.of("the turn of another scenario"):
            self.turn.enter_context(self.lab.turn)

    def workers(self) -> list[Node]:
        """The worker of each of its pools."""
        return [self.lab.worker(self.scenario, pool) for pool in self.pools]

    def start_workers(self) -> None:
        """Start the worker of each of its pools, or start it again."""
        for pool in self.pools:
            own = f" of {pool}" if pool in self.own_pools else ""
            self.record("act", what=f"start the worker{own}")
            self.lab.start_worker(self.scenario, pool)

    def put_beside_flow(self, name: str, text: str) -> None:
        """Put a file beside flow.py wherever the flows run, for them to read, and wherever they will."""
        self.record("act", what=f"put {name!r} beside the flow", text=text)
        self._beside[name] = text.encode()
        for worker, folder in self._where_flows_run():
            worker.write(folder, {name: text.encode()})

    def _where_flows_run(self) -> list[tuple[Node, str]]:
        """The worker of each pool, or each process that serves one of its deployments, and where its flow.py lies."""
        served = (f"{self.scenario.name}--{PROBE}", *self.deployed) if self.scenario.served_by else ()
        # rule: own-pool-marks (first alone)
        folders = {worker_name(self.scenario, name): self.folder(name) for name in (*self.pools, *served)}
        workers = self.lab.workers(self.scenario)
        return [(worker, folders[worker.name]) for worker in workers if worker.name in folders]

    def executions(self) -> list[dict[str, Any]]:
        """Each time that a flow ran so far, by the marks of `_common/executions.py`. Raises: LabError for no mark."""
        return [mark for _, marks in self.marks_by_node() for mark in marks]

    def read_beside_flow(self, name: str) -> list[tuple[Node, str]]:
        """What a file beside flow.py holds wherever the flows run, by the worker or the process in which they do."""
        where = self._where_flows_run()
        return [(worker, worker.read(f"{folder}/{name}").decode(errors="replace")) for worker, folder in where]

    def marks_by_node(self) -> list[tuple[Node, list[dict[str, Any]]]]:
        """The same as `executions`, by the worker or the process in which the flows ran."""
        found = []
        for worker, text in self.read_beside_flow(MARKS):
            try:
                found.append((worker, execution_facts(text)))
            except ValueError as error:
                raise LabError(f"{MARKS}: {error}", source=worker.name) from error
        return found

    def cancel_left_behind(self, deployment_id: str) -> None:
        """Cancel what a stopped process left Running: its next start does not take that up."""
        for run in self.lab.api.flow_runs(deployments=[deployment_id]):
            if run["state_type"] in HOLDS_A_SLOT:  # rule: serve-left-running
                self.record("act", what="cancel a run that the stopped process left behind", run=run_facts(run))
                self.lab.api.cancel_flow_run(run["id"], "The process that ran it was stopped.")

    @property
    def names(self) -> list[str]:
        """The twin's name and every treated deployment's."""
        return [self.twin_name, *dict.fromkeys(trial.name for trial in self.trials)]

    def runs_if_answered(self, *, all_of_them: bool = False) -> list[dict[str, Any]]:
        """Its backlog, for a wait: a living server that does not answer is a reason to wait on.

        Where its schedules go on, the runs that are due later are left out, unless all are asked for.

        Raises: NotYet; LabError where the server does not live.
        """
        self.lab.check_server_alive()
        try:
            until = self.last_tick if self.goes_on and not all_of_them else None  # rule: drain-of-the-backlog (never)
            runs = self.lab.api.flow_runs(deployments=self.deployed.values(), until=until)
            listed = {run["id"] for run in runs}  # what a deleted deployment left behind is not (3.3.4)
            # rule: drain-of-what-is-left-behind (gives [])
            behind = [run for trial in self.trials if trial.deleted for run in trial.staged if run not in listed]
            return [*runs, *self.lab.api.flow_runs(ids=behind)]
        except NoAnswerError as error:
            raise NotYet(error.reason) from error

    def read_deployments(self) -> None:
        """Read both sides as they were deployed, into the histories of all trials."""
        self.twin = self.deployment(self.twin_name)
        self.deployed[self.twin_name] = self.twin["id"]
        self.record("deployment", side=TWIN, deployment=deployment_facts(self.twin))
        for trial in self.trials:
            trial.treated = self.deployment(trial.name)
            self.deployed[trial.name] = trial.treated["id"]
            trial.history.add("deployment", side="treated", deployment=deployment_facts(trial.treated))

    def schedule(self, first: datetime) -> None:
        """Have its deployments schedules by this first tick, from their next deploy on."""
        self.first = first
        pinned, shapes = self.scenario.pinned_ticks(first), self.scenario.shapes
        self.due, self.last_tick, self.goes_on = pinned if shapes.is_pinned else (), pinned[-1], not shapes.ends

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment of this staging, as the server has it."""
        return dict(self.lab.api.deployment(self.flow_of(name), name))

    def folder(self, deployment: str = "") -> str:
        """Where a deployment's flow.py lies for what runs it, and where all are deployed from if none is named.

        One folder for all, but that each served one has its own, and so has each in a work pool of its own.
        """
        alone = self.scenario.served_by or deployment in self.own_pools
        # rule: serve-own-process (without first)
        return self.lab.site.scenario_folder((alone and deployment) or self.scenario.name)

    def files(self, names: Iterable[str], **changed: str) -> dict[str, bytes]:
        """The scenario's flow.py, its prefect.yaml with these deployments, and what lies beside them.

        `changed` differs from how they were staged, by the template's names; TEMPLATE: a file instead of prefect.yaml.
        """
        template = changed.pop("TEMPLATE", PREFECT_YAML)
        staged = {
            "FLOWS": self.scenario.flows,
            "SCHEDULES": "\n".join(self.scenario.schedules),
            "CONCURRENCY_LIMIT": self.scenario.concurrency_limit,
            "DESCRIPTION": "staged",
            "PARAMETERS": "{}",
            "SLUG": "",
            "QUEUE": "null",
        }
        own = {trial.name: trial.door.staged for trial in self.trials}
        told = [
            {
                **staged,
                **{"NAME": name, "FLOW": self._function_of(name), "POOL": self.pool_of(name)},
                **{"DIRECTORY": (place := self.folder(name)), "JOB_VARIABLES": job_variables(self.scenario, place)},
                **own.get(name, {}),
                **changed,
            }
            for name in names
        ]
        values = [as_in_the_file(each, self.first, self.scenario.pinned_rule(self.first)) for each in told]
        treated = {*self.deployed, *(trial.name for trial in self.trials)} - {self.twin_name}
        flows = {self.flow_of(name): self._function_of(name) for name in sorted(treated)}
        return files_of(self.scenario, values, f"{self.scenario.flows}-{TREATED}", flows, template) | self._beside

    def serve(self, name: str, **changed: str) -> None:
        """Serve a deployment by a process of its own. What differs from how it is staged: as in `files`."""
        self.lab.serve(self.scenario, name, self.files([name], **changed))

    def _serve_all(self) -> float:
        """Serve the twin and every treated deployment; returns the seconds until all of them had their schedule."""
        names = self.names
        for name, deployment_id in self.deployed.items():  # of an earlier try
            self.record("act", what=f"kill the process that serves {name} (SIGKILL)")
            self.lab.worker(self.scenario, name).kill()
            self.cancel_left_behind(deployment_id)
        self.record("act", what=f"serve {', '.join(names)}")
        started = self.lab.clock.monotonic()
        for name in names:
            self.serve(name)
        for name in names:
            self.wait_until_served(name, self.flow_of(name))
        return self.lab.clock.monotonic() - started

    def wait_until_served(self, name: str, flow: str) -> dict[str, Any]:
        """The deployment, once the process that serves it has given it the staging's schedule."""
        node = self.lab.worker(self.scenario, name)
        wanted = self.scenario.pinned_rule(self.first)

        def there() -> dict[str, Any]:
            self.lab.check_server_alive()
            if not node.running():
                raise LabError(f"the process that serves {name} ended", source=node.name, log=node.log()[-4000:])
            status, found = self.lab.api.answer(f"/deployments/name/{flow}/{name}")
            rules = [each["schedule"].get("rrule") for each in found.get("schedules") or ()] if status == 200 else []
            if wanted not in rules:
                raise NotYet(f"the server answered {status}, schedules {rules}")
            return dict(found)

        return self.lab.wait_until(f"{name}, served", there, seconds=self.lab.deadlines.door, source=node.name)

    def deploy_all(self) -> float:
        """`prefect deploy` of the twin and every treated deployment, which must succeed; returns its seconds."""
        if self.scenario.served_by:
            return self._serve_all()
        names = self.names
        self.lab.deployer.write(self.folder(), self.files(names))
        result = self.lab.deploy(self.scenario, names)
        self.record("command", command="prefect deploy", names=names, **result_facts(result))
        if result.exit_code:
            why = f"`prefect deploy` of {', '.join(names)} exited {result.exit_code} while staging"
            raise LabError(why, source="deployer", log=result.output[-4000:])
        return result.seconds
