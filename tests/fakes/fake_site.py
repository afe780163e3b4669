"""A fake engine's ground for one lab, whose nodes act on a fake Prefect: what `harness.engines.base` asks of one."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.engines.base import CommandResult, Node, database_of, save_log
from harness.history import moment
from harness.words.facts import PartSeen
from tests.fakes.fake_api import serve
from tests.fakes.fake_prefect import KILLED, LIFTED, UPDATE_BEGINS, Deployment, FakePrefect

_FLOW = re.compile(r'@flow\(name="([^"]+)"([^\n]*)\)\s+def (\w+)\(.*?\n(.*?)(?=\n@|\Z)', re.DOTALL)
START_SECONDS = 4.0  # what the server takes to start


class FakeNode:
    """The server, a worker, or the deployer. A worker that `works` runs what its pool holds while it lives."""

    def __init__(self, name: str, site: FakeSite, alive: bool) -> None:
        self.name, self._site, self._alive = name, site, alive
        self._killed, self._starts = False, 1
        self.frozen = False
        self.connected: bool | None = True if name.startswith("worker-") else None
        self.serves: Deployment | None = None  # of a process that serves one deployment, as `_folder` says
        self._folder = ""
        self.files: dict[str, dict[str, bytes]] = {}

    def running(self) -> bool:
        return self._site.prefect.alive if self._is_a_server else self._alive

    @property
    def _is_a_server(self) -> bool:
        return self is self._site.serving

    def seen(self) -> PartSeen:
        with self._site.prefect.lock:
            if not self.running():
                return PartSeen(state="ended", pid=self._starts, exit_code=-9 if self._killed else 0)
            networks = None if self.connected is None else int(self.connected)
            return PartSeen(
                state="frozen" if self.frozen else "running",
                pid=self._starts,
                began=str(self._starts),
                networks=networks,
            )

    def freeze(self) -> None:
        self.frozen = True
        if self._is_a_server:
            self._site.prefect.stop_date()

    def thaw(self) -> None:
        self.frozen = False
        if self._is_a_server:
            self._site.prefect.date_goes_on()

    def cut_off(self) -> None:
        self.connected = False

    def connect(self) -> None:
        self.connected = True

    def works(self) -> bool:
        """Whether it does what it is for."""
        return self.running() and not self.frozen and self.connected is not False

    def process(self, pid: int) -> PartSeen:
        lives = self._site.prefect.process_of(pid) is not None
        return PartSeen(state="running" if lives else "ended", pid=pid, began="a moment ago" if lives else None)

    def kill_process(self, pid: int) -> None:
        with self._site.prefect.lock:
            run = self._site.prefect.process_of(pid)
            assert run
            self._site.prefect.set_state(run, "CRASHED", "Crashed")

    def start(self) -> None:
        with self._site.prefect.lock:
            self._starts += 1
            if self._is_a_server:
                self._site.prefect.alive = True
                self._site.prefect.happens(self.name, LIFTED)
                return
            self._alive = self._site.workers_start or self.serves is None
            self._site.prefect.asked.clear()
            if self._killed:
                self._site.prefect.happens(self.name, LIFTED)
            if self.serves and self._alive:
                self._serve()

    def serve(self, folder: str) -> None:
        """Serve what the files in a folder say, now and at each start."""
        prefect = self._site.prefect
        with prefect.lock:
            self._folder = folder
            served = self._read_served()
            pool = served.name
            prefect.limits[pool] = served.limit
            prefect.workers[pool] = self.works
            prefect.signals[pool] = lambda: "signal" in self.files[folder]
        self.start()

    def _read_served(self) -> Deployment:
        (self.serves,) = deployments_of(self.files[self._folder], self._site.prefect)
        self.serves.pool = self.serves.name
        return self.serves

    def _serve(self) -> None:
        prefect, served = self._site.prefect, self._read_served()
        served.updated, there = prefect.clock.now(), prefect.find(served.flow, served.name)
        if there:
            there.paused = False
        prefect.says("POST", "/deployments/", 200 if there else 201)
        prefect.deploy(replace(served, id=str(uuid.uuid4())))

    def stop(self, *, grace: float) -> bool:
        """As `flow.serve` ends: what it ran stays Running, and its deployment is paused. A worker just ends."""
        prefect, served = self._site.prefect, self.serves
        if served is None:
            self.kill()
            self._killed = False
            return True
        with prefect.lock:
            there = prefect.find(served.flow, served.name)
            assert there
            self._alive = False
            for run in prefect.runs.values():
                run.never_ends |= run.deployment is there and run.state_type == "RUNNING"
            if self._site.pauses_on_shutdown:
                there.paused = True
                prefect.says("PATCH", f"/deployments/{there.id}", 204)
                prefect.update(there)
        return True

    def kill(self) -> None:
        with self._site.prefect.lock:
            if self._is_a_server:
                self._site.prefect.alive = False
            self._alive, self._killed, self.frozen = False, True, False
            self._site.prefect.happens(self.name, KILLED)

    def dies(self) -> None:
        """Its process ends by itself."""
        self._alive = False

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        with self._site.prefect.lock:
            self.files.setdefault(folder, {}).update(files)
            if "signal" in files:
                self._site.prefect.happens(self.name, LIFTED)

    def read(self, path: str) -> bytes:
        """The marks of what ran by this worker or process; or which of its processes wait before their flow begins."""
        pool = self.name.removeprefix("worker-")
        with self._site.prefect.lock:
            self._site.prefect.advance()
            if path.endswith("/waiting"):
                return "\n".join(self._site.prefect.waiting(pool)).encode()
            marks = [mark for of, mark in self._site.prefect.executions if of == pool]
        return b"".join(json.dumps(mark).encode() + b"\n" for mark in marks)

    def run(self, command: Sequence[str], *, cwd: str, seconds: float) -> CommandResult:
        """The part of Prefect's command line that the harness uses."""
        site = self._site
        said = site.versions[self.name.partition("-")[0]]
        match list(command):
            case ["version"]:
                return CommandResult(0, f"Version:             {said}\nAPI version:         0.8.4\n", 0.1)
            case ["--no-prompt", "deploy", *chosen]:
                return self._deploy(self.files[cwd], chosen[1::2])
            case ["--no-prompt", "config", "set" | "unset", *_]:
                return CommandResult(0, "Done", 0.1)
            case ["--no-prompt", "deployment", "schedule", what, *rest]:
                return self._schedule(what, [word for word in rest if not word.startswith("-")])
        return CommandResult(2, f"No such command {command!r}", 0.1)

    def run_python(self, script: str, *, cwd: str, seconds: float) -> CommandResult:
        """The one script there is: `flow.deploy()` of all that prefect.yaml names."""
        files = self.files[cwd]
        if script not in files:
            return CommandResult(2, f"can't open file {script!r}", 0.1)
        names = [deployment.name for deployment in deployments_of(files, self._site.prefect)]
        return self._deploy(files, names)

    def imported_version(self, *, seconds: float) -> str:
        return self._site.versions[self.name.partition("-")[0]]

    def clock(self, *, seconds: float) -> float:
        ahead = 0 if self.name in self._site.stays_behind else self._site.ahead
        clock = self._site.prefect.clock
        return (clock.now() - clock.ahead).timestamp() + ahead

    def _deploy(self, files: Mapping[str, bytes], names: Sequence[str]) -> CommandResult:
        """As the real one: a name that is not in the file is passed over, and the exit code says nothing of it."""
        prefect, site, seconds = self._site.prefect, self._site, self._site.deploy_seconds
        prefect.clock.sleep(seconds)
        output = []
        with prefect.lock:
            for deployment in deployments_of(files, prefect):
                if deployment.name not in names:
                    continue
                if prefect.find(deployment.flow, deployment.name):
                    prefect.happens(deployment.family, UPDATE_BEGINS)
                    deployment.updated = prefect.clock.now()
                done = deployment if site.deploys_elsewhere else prefect.deploy(deployment)
                if not site.deploys_elsewhere:
                    prefect.says("PATCH", f"/deployments/{done.id}", 204)
                output.append(f"Deployment '{done.flow}/{done.name}' successfully created with id '{done.id}'.")
        return CommandResult(site.deploy_exit_code, "\n".join([*output, site.deploy_says]), seconds)

    def _schedule(self, what: str, words: Sequence[str]) -> CommandResult:
        """`prefect deployment schedule pause | resume | delete | clear | create --replace`; FLOW/NAME has a slash."""
        prefect = self._site.prefect
        with prefect.lock:
            there = prefect.find(*next(word for word in words if "/" in word).split("/", 1))
            assert there
            updated, path = there.updated, f"/deployments/{there.id}/schedules"
            if what in ("pause", "resume"):
                there.active = what == "resume"
                prefect.says("PATCH", f"{path}/{there.schedule_id}", 204)
            else:
                there.rrule = ""
                prefect.says("DELETE", f"{path}/{there.schedule_id}", 204)
            if what == "create":
                prefect.says("POST", path, 201)
            prefect.update(there)
            there.updated = updated
        return CommandResult(0, "Done.", 0.1)

    def shell(self, cwd: str) -> str:
        return f"cd {cwd} && prefect"

    def log(self) -> str:
        return "\n".join(self._site.prefect.log) if self.name in ("server", "upgrade") else f"the log of {self.name}"


class FakeSite:
    """What a test may plant in it: versions by role, how long a deploy takes, how it ends, where it goes."""

    def __init__(self, prefect: FakePrefect, folder: Path) -> None:
        self.prefect, self._folder = prefect, folder
        self.versions = {"deployer": prefect.version, "worker": prefect.version}
        self.deploy_seconds = 0.5
        self.deploy_exit_code = 0
        self.deploy_says = ""
        self.deploys_elsewhere = False
        self.workers_start = True
        self.pauses_on_shutdown = True
        self.ahead = 0  # seconds that its clock is ahead of the host's
        self.stays_behind: set[str] = set()  # nodes whose clock does not follow a move
        self.clock_file: Path | None = None
        self.nodes: list[FakeNode] = []
        self.serving: FakeNode | None = None
        self.on_upgrade: Callable[[], None] = lambda: None  # as the other release starts on the database
        self._url = ""
        self.forks, self.not_forked = False, ""
        self._exit = ExitStack()

    def __enter__(self) -> FakeSite:
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            save_log(self._folder, node.name, node.log())
        self._exit.close()

    def start_database(self, *, seconds: float) -> None:
        """The fake Prefect keeps its own."""

    def move_clock(self, ahead: int) -> None:
        if "server" not in self.stays_behind:
            self.prefect.clock.ahead = timedelta(seconds=ahead)
        self.ahead = ahead

    def database_clock(self, *, seconds: float) -> float | None:
        return None

    def start_server(self, changed: Mapping[str, str]) -> tuple[Node, str]:
        self.prefect.clock.sleep(START_SECONDS)
        self.prefect.marks_late = "PREFECT_API_SERVICES_LATE_RUNS_AFTER_SECONDS" not in changed
        self.prefect.triggers = changed.get("PREFECT_API_SERVICES_TRIGGERS_ENABLED") == "true"
        self.serving = self._node("server", alive=True)
        self._url = self._exit.enter_context(serve(self.prefect))
        return self.serving, self._url

    def server_url(self) -> str:
        return self._url

    def start_upgrade(self, changed: Mapping[str, str]) -> tuple[Node, str]:
        """The same Prefect, which says it is of the other release by now."""
        assert not self.prefect.alive, "the first server has to end before"
        self.prefect.version, self.prefect.alive = self.versions["upgrade"], True
        self.serving = self._node("upgrade", alive=True)
        self.on_upgrade()
        return self.serving, self._url

    def database(self) -> Node:
        return database_of(self.nodes)

    def start_node(self, name: str, command: Sequence[str] | None) -> Node:
        node = self._node(name, alive=self.workers_start or not command)
        if command:
            pool = command[command.index("--pool") + 1]
            folder = self.scenario_folder(pool)
            if "--limit" in command:
                self.prefect.limits[pool] = int(command[command.index("--limit") + 1])
            if "--prefetch-seconds" in command:
                self.prefect.prefetches[pool] = int(command[command.index("--prefetch-seconds") + 1])
            self.prefect.workers[pool] = node.works
            self.prefect.signals[pool] = lambda: "signal" in node.files.get(folder, {})
            self.prefect.all_begun[pool] = lambda: "all-have-begun" in node.files.get(folder, {})
        return node

    def start_script(self, name: str, script: str, folder: str, files: Mapping[str, bytes]) -> Node:
        """The one script there is: `flow.serve()` of what prefect.yaml names."""
        assert script in files
        node = self._node(name, alive=False)
        node.write(folder, files)
        node.serve(folder)
        return node

    def node(self, name: str) -> FakeNode:
        """The node of that name."""
        return next(node for node in self.nodes if node.name == name)

    def _node(self, name: str, *, alive: bool) -> FakeNode:
        node = FakeNode(name, self, alive)
        self.nodes.append(node)
        return node

    def cpu_seconds(self) -> float:
        """The fake's own clock, as if one processor never rested."""
        return self.prefect.clock.monotonic()

    def save_database(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "prefect.db").write_text("a database", encoding="utf-8")

    def scenario_folder(self, scenario: str) -> str:
        return f"/lab/scenarios/{scenario}"


def intervals_of(block: str) -> list[dict[str, Any]]:
    """The intervals with an anchor that a deployment of a prefect.yaml has, as the API gives them."""
    found = re.findall(r'interval: ([\d.]+)$.*?anchor_date: "([^"]+)"$', block, flags=re.MULTILINE | re.DOTALL)
    rules = [{"interval": float(every), "anchor_date": since, "timezone": "UTC"} for every, since in found]
    return [
        {"id": f"of-the-file-{at}", "active": True, "slug": None, "schedule": rule} for at, rule in enumerate(rules)
    ]


def deployments_of(files: Mapping[str, bytes], prefect: FakePrefect) -> list[Deployment]:
    """The deployments that a scenario's rendered prefect.yaml and flow.py describe, in the few words that both use."""
    _, *blocks = re.split(
        r"^  - name: ", files["prefect.yaml"].decode().partition("deployments:")[2], flags=re.MULTILINE
    )
    flows = {found[3]: (found[1], found[2], found[4]) for found in _FLOW.finditer(files["flow.py"].decode())}

    def value(block: str, key: str) -> str:
        found = re.search(rf'\b{key}: "?([^"\n]*)"?$', block, flags=re.MULTILINE)
        return found[1] if found else ""

    deployments = []
    for block in blocks:
        function = value(block, "entrypoint").partition(":")[2]
        flow, options, code = flows[function]
        limited = re.search(r"concurrency_limit: (\{.*\})$", block, flags=re.MULTILINE)
        limit = json.loads(limited[1]) if limited else {"limit": int(value(block, "concurrency_limit") or 0) or None}
        deployments.append(
            Deployment(
                flow=flow,
                family=flow if function in ("twin", "probe") else flows["treated"][0],
                name=block.splitlines()[0].strip().strip('"'),
                pool=value(block.partition("work_pool:")[2], "name"),
                queue=value(block.partition("work_pool:")[2], "work_queue_name").replace("null", "default"),
                updated=prefect.clock.now(),
                description=value(block, "description"),
                parameters=json.loads(re.search(r"parameters: (.*)$", block, flags=re.MULTILINE)[1]),  # type: ignore[index]
                concurrency_limit=limit.pop("limit"),
                concurrency_options=limit or None,
                limit=int(value(block, "limit") or 0),
                rrule=value(block, "rrule").replace("\\n", "\n"),
                every=float(value(block, "interval") or 0),
                since=moment(anchor) if (anchor := value(block, "anchor_date")) else prefect.clock.now(),
                others=intervals_of(block)[1:],
                slug=value(block, "slug").replace("null", "") or None,
                waits="hold" in files and "work()" in code,
                starts_held="hold" in files and b"OF_A_RUN" in files["flow.py"],
                retries="retries=1" in options,
            )
        )
    return deployments
