"""One lab's folder, and the processes in it.

A person's profile, `.env`, `prefect.toml` or variables must never aim a command at their real server: every process
has its own HOME, TMPDIR, PREFECT_HOME, working directory and an explicit PREFECT_API_URL, and inherits PATH alone.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from harness.engines import movable_clock, postgres, settings
from harness.engines.base import CommandResult, Node, SiteSetup, clock_read, database_of, role_of, save_log
from harness.engines.inside import ASK_DATABASE_CLOCK, DATABASE_SETTING, MIGRATE, START_SERVER, server_environment
from harness.engines.processes.forking import ForkServer, own_places
from harness.engines.processes.node import ProcessNode
from harness.engines.processes.tree import family
from harness.subjects.overlays import python_path
from harness.words import ownership
from harness.words.costs import children_seconds
from harness.words.errors import LabError
from harness.words.names import FORK, POSTGRES, SERVER, SQLITE, UPGRADE, WARP
from harness.words.scratch import scratch_folder
from harness.words.waiting import NotYet, wait_until

_LISTEN_SECONDS = 300  # until a server listens: some seconds after its start, many more on a busy machine


class ProcessSite:
    """One lab's folder and the processes in it. Leaving it saves their logs, ends them and removes the folder."""

    def __init__(self, setup: SiteSetup) -> None:
        self._environments = {role: Path(key) for role, key in setup.subject_keys.items()}
        self._database, self._run, self._folder = setup.database, setup.run, setup.folder
        self._lab, self._start, self._clock = setup.lab, setup.start, setup.clock
        self._on_clock: Mapping[str, str] = {}  # the variables of every process, where its clock is movable
        self._root = scratch_folder(setup.run) / setup.lab
        self.clock_file = self._root / "clock" / movable_clock.FILE if setup.clock == WARP else None
        self._fork_servers: dict[Path, ForkServer] = {}  # by environment
        self.not_forked = ""
        self._nodes: list[ProcessNode] = []
        self._api_url = ""
        self._cluster: postgres.Cluster | None = None
        self._database_port = self._port = 0
        self._used_before = children_seconds()

    def __enter__(self) -> ProcessSite:
        Path(self.scenario_folder("")).mkdir(parents=True)
        if self.clock_file:
            self.clock_file.parent.mkdir()
            self.move_clock(0)
            library = movable_clock.preload_of_run(self._run)
            self._on_clock = movable_clock.environment(str(library), str(self.clock_file))
        if self._start == FORK:
            self._find_fork_servers()
        return self

    @property
    def forks(self) -> bool:
        """Whether its processes are forked."""
        return bool(self._fork_servers)

    def _find_fork_servers(self) -> None:
        """Wait for the fork server of each environment. If one cannot fork, no process of this lab is forked."""
        servers = {
            environment: ForkServer(environment, self._run, self._clock)
            for environment in set(self._environments.values())
        }
        for environment, server in servers.items():
            reason = server.why_not() if server.there() else f"there are no fork servers on {platform.system()}"
            if reason:
                self.not_forked = f"{environment.name.rpartition('-')[0]}: {reason}"
                return
        self._fork_servers = servers

    def __exit__(self, *_: object) -> None:
        try:
            self.save_logs()
        finally:
            for node in reversed(self._nodes):
                if node.name == "database":
                    node.quit()
                with suppress(LabError):
                    node.kill()
            shutil.rmtree(self._root, ignore_errors=True)

    def cpu_seconds(self) -> float:
        """Processor time of the lab's processes: of its ended ones, here and of fork servers, and of living ones."""
        seconds = children_seconds() - self._used_before
        living: list[psutil.Process] = []
        for server in self._fork_servers.values():
            seconds += server.seconds(self._lab)
            for forked in server.living():
                if forked.lab == self._lab:
                    living += family(forked.pid, ())
        for node in self._nodes:
            living += node.descendants()
        for process in {process.pid: process for process in living}.values():
            with suppress(psutil.Error):
                times = process.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
        return seconds

    def save_logs(self) -> None:
        """Write every node's log, whatever its state."""
        for node in self._nodes:
            save_log(self._folder, node.name, node.log())
        for environment, server in self._fork_servers.items():
            save_log(self._folder, f"fork-server-{environment.name}", server.log())

    def save_database(self, folder: Path) -> None:
        """Copy the server's database: SQLite's file and its write-ahead log, or PostgreSQL's as SQL."""
        folder.mkdir(parents=True, exist_ok=True)
        if self._cluster:
            command = [str(self._cluster.programs / "pg_dump"), "-p", str(self._database_port), "postgres"]
            environment = {"PATH": os.defpath, **self._cluster.environment()}
            with (folder / "prefect.sql").open("wb") as dump:
                subprocess.run(command, env=environment, stdout=dump, check=True, timeout=300)
        home = next(node.home for node in reversed(self._nodes) if node.name in (SERVER, UPGRADE))
        for file in (home / ".prefect").glob("prefect.db*"):
            shutil.copy(file, folder)

    def move_clock(self, ahead: int) -> None:
        """By a file of the lab's folder, which every process of it reads."""
        assert self.clock_file, "the clock of this lab is the host's"
        movable_clock.set_ahead(self.clock_file, ahead)

    def database_clock(self, *, seconds: float) -> float | None:
        """What PostgreSQL says to a new connection."""
        if not self._cluster:
            return None
        command = [str(self._cluster.programs / "psql"), "-p", str(self._database_port), "-Atc", ASK_DATABASE_CLOCK]
        environment = {"PATH": os.defpath, **self._cluster.environment()}
        try:
            done = subprocess.run(
                [*command, "postgres"], env=environment, capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            raise LabError(f"it did not say its time within {seconds:.0f} s", source="database") from None
        return clock_read(CommandResult(done.returncode, done.stdout + done.stderr, 0.0), "database")

    def start_database(self, *, seconds: float) -> None:
        """Start PostgreSQL on a free loopback port, and have the subject migrate it."""
        if self._database != POSTGRES:
            return
        home = self._root / "database"
        home.mkdir(parents=True)
        environment = {"PATH": os.defpath, **ownership.environment(self._run), **self._on_clock}
        self._cluster = cluster = postgres.make_cluster(home, environment)
        self._database_port = port = _free_port()
        node = ProcessNode("database", home, (), cluster.command(port), environment, account=cluster.account)
        self._nodes.append(node)
        node.start()
        _wait_for_port(node, port, "database")
        migration = self._node("migration", None, self._database_settings())
        done = migration.run(MIGRATE, cwd=str(migration.home), seconds=seconds)
        if done.exit_code:
            raise LabError("the subject cannot migrate its database", source="migration", log=done.output[-4000:])

    def _database_settings(self) -> dict[str, str]:
        return {DATABASE_SETTING: self._cluster.url(self._database_port)} if self._cluster else {}

    def start_server(self, changed: Mapping[str, str]) -> tuple[Node, str]:
        """The server's process on a free loopback port."""
        self._port = _free_port()
        self._api_url = f"http://127.0.0.1:{self._port}/api"
        made = self._environments[SERVER] / "home" / "prefect.db"
        return self._server(SERVER, changed, [made]), self._api_url

    def server_url(self) -> str:
        """The same as ever: the port is its own."""
        return self._api_url

    def start_upgrade(self, changed: Mapping[str, str]) -> tuple[Node, str]:
        """The process of the other release on the same port; on SQLite with a copy of the database."""
        files = list((self._root / SERVER / ".prefect").glob("prefect.db*"))
        return self._server(UPGRADE, changed, files, migrates=True), self._api_url

    def _server(self, name: str, changed: Mapping[str, str], files: Sequence[Path], *, migrates: bool = False) -> Node:
        """A server on the lab's port; `files` are those of SQLite's database."""
        start = ["server", "start", "--host", "127.0.0.1", "--port", str(self._port)]
        command = ["-c", START_SERVER, self._prefect(name), *start]
        own = server_environment(str(self._root / name), self._database, migrates=migrates)
        # Some releases read settings as they are imported, and a fork server has imported Prefect with the usual ones.
        forked = not changed.keys() - settings.READ_AT_ITS_START  # rule: changed-settings-no-fork (gives True)
        node = self._node(name, command, {**own, **changed, **self._database_settings()}, forked=forked)
        for file in files if self._database == SQLITE else ():
            shutil.copy(file, node.home / ".prefect")
        node.start()
        _wait_for_port(node, self._port, name)
        return node

    def database(self) -> Node:
        """PostgreSQL's process."""
        return database_of(self._nodes)

    def start_node(self, name: str, command: Sequence[str] | None) -> Node:
        """A process that runs `prefect` with these words; if they are None, only a place for `run`."""
        node = self._node(name, [self._prefect(name), *command] if command else None)
        if command:
            node.start()
        return node

    def start_script(self, name: str, script: str, folder: str, files: Mapping[str, bytes]) -> Node:
        """A process that runs the script."""
        node = self._node(name, [f"{folder}/{script}"])
        node.write(folder, files)
        node.start()
        return node

    def scenario_folder(self, scenario: str) -> str:
        """Where a scenario's files lie, for every process of the lab."""
        return str(self._root / "scenarios" / scenario)

    def _venv(self, node: str) -> Path:
        return self._environments.get(role_of(node), self._environments[SERVER]) / "venv"

    def _prefect(self, node: str) -> str:
        return str(self._venv(node) / "bin" / "prefect")

    def _node(
        self, name: str, command: Sequence[str] | None, more: Mapping[str, str] | None = None, *, forked: bool = True
    ) -> ProcessNode:
        """A node whose `start` runs the subject's Python with these arguments; anew where it is not to be `forked`."""
        home = self._root / name
        venv = self._venv(name)
        environment = {
            **settings.node_environment(self._api_url),
            **ownership.environment(self._run),
            ownership.ENV_LAB: self._lab,
            "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            **own_places(home),
            **python_path(venv.parent),
            **self._on_clock,
            **(more or {}),
        }
        forks = self._fork_servers.get(venv.parent) if forked else None
        python = forks.python if forks else str(venv / "bin" / "python")
        node = ProcessNode(
            name, home, [python, self._prefect(name)], [python, *(command or ())], environment, forks=forks
        )
        self._nodes.append(node)
        return node


def _wait_for_port(node: ProcessNode, port: int, what: str) -> None:
    """Wait until the node itself listens there: another program may have taken the port."""

    def listening() -> None:
        if not node.running():
            raise LabError(f"the {what}'s process ended at once", source=what, log=node.log()[-4000:])
        if port not in node.ports():  # rule: error-port-taken
            raise NotYet(f"nothing of ours on port {port}")

    wait_until(f"the {what}'s port", listening, seconds=_LISTEN_SECONDS, source=what)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
