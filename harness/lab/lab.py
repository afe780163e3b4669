"""One server with its database, workers and deployer, on one engine: what a trial is staged in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from packaging.version import InvalidVersion, Version

from harness.engines import settings
from harness.engines.base import CommandResult, Node, Site
from harness.lab.prefect_api import PrefectAPI
from harness.lab.scheduler import SchedulerCheck
from harness.words.clock import HOST_CLOCK, Clock
from harness.words.errors import LabError
from harness.words.names import SERVER
from harness.words.waiting import NotYet, wait_until

_QUICKEST = 0.5  # seconds; on a machine that had a moment to spare


T = TypeVar("T")


class Workload(Protocol):
    """What a lab needs to know of a scenario to start its worker, or the processes that serve it.

    name         of its work pool, its folder and its worker
    served_by    the script in its folder by which one process serves each deployment; empty: a worker serves all
    worker_limit flow runs the worker may run at a time; None is no limit
    prefetch_seconds how far ahead of their time the worker submits runs; None is as harness/engines/settings.py says
    """

    @property
    def name(self) -> str: ...

    @property
    def served_by(self) -> str: ...

    @property
    def worker_limit(self) -> int | None: ...

    @property
    def prefetch_seconds(self) -> int | None: ...


@dataclass(frozen=True)
class Deadlines:
    """How long each wait may take, in seconds. Tests shorten them; nothing else changes.

    A healthy trial meets none of them: they end waits for what never comes. They are long, because a machine that gives
    most of its processor time to others (80 % were seen) must come to a verdict too.
    """

    health: float = 300
    command: float = 300
    steady_state: float = 60  # at least; 20 times what a process takes to start here, if that is longer
    scheduler: float = 20  # at least; 5 times that. The first pass comes up to 5 s after a deployment (3.3.3)
    backlog: float = 180  # from the last staged tick on
    door: float = 300
    drain_idle: float = 240  # more than SQLite's busy timeout (60); starts again when a run changes state
    left_alone: float = 75  # also more than 60: a worker that leaves overdue runs alone so long is started again
    drain_cap: float = 1800
    poll: float = 0.5
    api_patience: float = 180


class Lab:
    """A context manager: inside it a healthy server answers at `api`; `check_versions` says which one it is.

    `versions` is what was asked for, by role: `server`, and other roles if they run another release.
    Raises on entry: LabError, with its log, if the server dies or never gets healthy.
    """

    def __init__(
        self,
        site: Site,
        versions: Mapping[str, str],
        deadlines: Deadlines,
        server_settings: Mapping[str, str] | None = None,
        clock: Clock = HOST_CLOCK,
    ) -> None:
        self.site, self.versions, self.deadlines, self.clock = site, versions, deadlines, clock
        self.server_settings = server_settings or {}
        self.server: Node
        self.deployer: Node
        self.api: PrefectAPI
        self.scheduler: SchedulerCheck
        # How long a process of Prefect's takes here until it does something. If each is started anew: from the server's
        # start to its health. If they are forked: what `prefect version` took.
        self.start_seconds = 0.0
        self.server_seconds = 0.0  # what the server took until it was healthy
        # How many commands share a core, at least 1; set from the number of stagings.
        self.share = 1.0
        # Held by the staging that starts its worker and deploys its backlog (harness/trials/staging.py, `turn`).
        self.turn = threading.Lock()
        # Held while a door is open, so that only this door can have deleted what goes meanwhile (trials/trigger.py).
        self.door = threading.Lock()
        self._job_template: Mapping[str, object] = {}  # of a process worker, once one has given it to its pool
        self._prefect_version: Future[CommandResult] | None = None
        self._workers: dict[str, Node] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor
        self._exit = ExitStack()

    def __enter__(self) -> Lab:
        with ExitStack() as undo:
            undo.enter_context(self.site)
            self.site.start_database(seconds=self.deadlines.health)
            started = self.clock.monotonic()
            self.server, url = self.site.start_server(self.server_settings)
            self.deployer = self.site.start_node("deployer", None)
            self._pool = undo.enter_context(ThreadPoolExecutor(max_workers=1))
            patience, alive = self.deadlines.api_patience, self.check_server_alive
            self.api = undo.enter_context(PrefectAPI(url, patience=patience, check_alive=alive, clock=self.clock))
            self.scheduler = SchedulerCheck(self.api, alive, self.server.log, self.clock, every=self.deadlines.poll)
            self.wait_until("the server's health", self.healthy, seconds=self.deadlines.health, source="server")
            self.start_seconds = self.server_seconds = self.clock.monotonic() - started
            if self.site.forks:
                self.start_seconds = max(_QUICKEST, self.ask_prefect_version().result().seconds)
            self._exit = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def deploy_seconds(self, deployments: int) -> float:
        """How long `prefect deploy` of so many deployments may take here: 1.5 times what it needs.

        It needs the start of a process, and 0.5 s, and 0.1 s for each deployment (measured, 3.3.4).
        """
        work = 0.5 + 0.1 * deployments
        return 1.5 * (self.start_seconds + work)

    @property
    def scheduler_pass(self) -> float:
        """The longest that a new deployment waits here for its runs, in seconds."""
        return settings.scheduler_pass(self.versions[SERVER])

    def patience(self, seconds: float, processes: int) -> float:
        """So many seconds, or the time that so many processes of Prefect's take to start here, whichever is longer."""
        return max(seconds, processes * self.start_seconds * self.share)

    def wait_until(
        self, what: str, probe: Callable[[], T], *, seconds: float, every: float = 0.25, source: str = "harness"
    ) -> T:
        """harness/words/waiting.py's `wait_until`, by this lab's clock."""
        return wait_until(what, probe, seconds=seconds, every=every, source=source, clock=self.clock)

    @property
    def nodes(self) -> list[Node]:
        """Server, deployer, and every worker or serving process that was started so far."""
        with self._lock:
            return [self.server, self.deployer, *self._workers.values()]

    def log_of(self, source: str) -> str:
        """The end of the log of the node that an error names (`server`, `deployer`, a worker's); empty for others."""
        with suppress(Exception):  # it is asked when something is broken already
            return next((node.log()[-4000:] for node in self.nodes if node.name == source), "")
        return ""

    def check_server_alive(self) -> None:
        """Raises LabError, with the end of its log, if the server is dead."""
        if not self.server.running():  # rule: error-server-died
            said = f"the server ended with exit code {self.server.seen().exit_code}"
            raise LabError(said, source=self.server.name, log=self.server.log()[-4000:])

    def healthy(self) -> None:
        """A probe for the server's health. Raises: NotYet; LabError where it does not live."""
        self.check_server_alive()
        if not self.api.healthy():
            raise NotYet("no healthy answer; the end of its log: " + " ".join(self.server.log()[-300:].split()))

    def check_versions(self) -> dict[str, str]:
        """Ask server and deployer for their version; returns what each said, by role.

        Raises: LabError if one is not the release asked for.
        """
        said = {
            "server": self.api.version(),
            "deployer": self.deployer.imported_version(seconds=self.deadlines.command),
        }
        self.check_server_alive()  # if its port was taken, another server may have answered so far
        for role, version in said.items():
            self.check_version(role, version)
        return said

    def check_version(self, role: str, version: str) -> None:
        """Raises LabError if what a part says it is is not the release asked for."""
        asked = self.versions.get(role, self.versions[SERVER])  # rule: worker-version-by-role (default)
        if not _same(version, asked):  # rule: error-wrong-version
            raise LabError(f"the {role} says it is Prefect {version!r}; asked for was {asked}", source=role)

    def ask_prefect_version(self) -> Future[CommandResult]:
        """What `prefect version` says on the deployer. It is asked once in a lab.

        It takes seconds if each process is started anew, so it runs while the lab waits for its ticks anyway.
        """
        with self._lock:
            if self._prefect_version is None:
                self._prefect_version = self._pool.submit(
                    self.deployer.run, ["version"], cwd=self.site.scenario_folder(""), seconds=self.deadlines.command
                )
            return self._prefect_version

    def create_work_pool(self, name: str) -> None:
        """Create a process work pool, with the job template that a worker of this lab gave to an earlier one.

        A worker gives its pool a missing job template. That write took 30 s when a server that was busy with other
        scenarios' workers refused it four times in a row (503; seen on 3.3.3).
        """
        self.api.create_work_pool(name, self._job_template)

    def learn_job_template(self, pool: str) -> None:
        """Keep the job template of a pool whose worker has served it."""
        self._job_template = self._job_template or self.api.work_pool(pool)["base_job_template"]

    def start_worker(self, scenario: Workload, pool: str) -> Node:
        """Start the worker of a scenario's work pool, or start it again after it was killed."""
        with self._lock:
            worker = self._workers.get(worker_name(scenario, pool))
        if worker:
            worker.start()
            return worker
        command = ["worker", "start", "--pool", pool, "--type", "process", "--name", pool]
        if scenario.worker_limit is not None:
            command += ["--limit", str(scenario.worker_limit)]
        if scenario.prefetch_seconds is not None:  # rule: prefetch-as-declared
            command += ["--prefetch-seconds", str(scenario.prefetch_seconds)]
        worker = self.site.start_node(worker_name(scenario, pool), command)
        with self._lock:
            self._workers[worker.name] = worker
        return worker

    def serve(self, scenario: Workload, deployment: str, files: Mapping[str, bytes]) -> Node:
        """Serve a deployment by one process, with these files. A process that served it before is ended first."""
        name = worker_name(scenario, deployment)
        folder = self.site.scenario_folder(deployment)
        with self._lock:
            there = self._workers.get(name)
        if there:
            there.kill()
            there.write(folder, files)
            there.start()
            return there
        node = self.site.start_script(name, scenario.served_by, folder, files)
        with self._lock:
            self._workers[name] = node
        return node

    def restart_workers_that_ended(self, scenario: Workload) -> str:
        """Start a scenario's workers again that ended by themselves; returns the end of their logs, or nothing."""
        logs = []
        for worker in self.workers(scenario):
            if not worker.running():
                logs.append(worker.log()[-2000:] or "it printed nothing")
                worker.start()
        return "\n".join(logs)

    def workers(self, scenario: Workload) -> list[Node]:
        """The workers started for a scenario's work pools, or each process that serves a deployment of it."""
        one = worker_name(scenario)
        with self._lock:
            return [node for name, node in self._workers.items() if name == one or name.startswith(f"{one}--")]

    def worker(self, scenario: Workload, deployment: str) -> Node:
        """The worker of a work pool of a scenario's, or the process that serves a deployment of it, by its name."""
        return self._workers[worker_name(scenario, deployment)]

    def check_worker_version(self, scenario: Workload) -> str:
        """Ask a worker's node for its version. Raises LabError if it is not the release asked for."""
        version = self.workers(scenario)[0].imported_version(seconds=self.deadlines.command)
        self.check_version("worker", version)  # rule: error-worker-version
        return version

    def deploy(self, scenario: Workload, names: list[str]) -> CommandResult:
        """The real `prefect deploy` of these deployments of the scenario's prefect.yaml, whatever its exit code."""
        return self.prefect(scenario, "deploy", *(part for name in names for part in ("-n", name)))

    def prefect(self, scenario: Workload, *words: str) -> CommandResult:
        """A command of Prefect's on the deployer, beside the scenario's files, whatever its exit code."""
        folder = self.site.scenario_folder(scenario.name)
        return self.deployer.run(["--no-prompt", *words], cwd=folder, seconds=self.deadlines.door)


def _same(said: str, asked: str) -> bool:
    """Whether two versions are the same by PEP 440: a wheel's name spells a local version in another way."""
    try:
        return Version(said) == Version(asked)
    except InvalidVersion:
        return False


def worker_name(scenario: Workload, deployment: str = "") -> str:
    """The node name of a scenario's worker, or of what serves one of its pools or deployments, all named after it."""
    return f"worker-{deployment or scenario.name}"
