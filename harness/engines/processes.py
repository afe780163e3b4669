"""Labs as processes on this host: one folder a lab, ports on 127.0.0.1, an environment from an allow-list.

A person's profile, `.env`, `prefect.toml` or variables must never aim a command at their real server: every process
has its own HOME, TMPDIR, PREFECT_HOME, working directory and an explicit PREFECT_API_URL, and inherits PATH alone.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from harness.engines import postgres, settings
from harness.engines.base import (
    ASK_VERSION,
    DATABASE_SETTING,
    MIGRATE,
    START_SERVER,
    CommandResult,
    Node,
    role_of,
    save_log,
    server_environment,
)
from harness.engines.environment import build_environment, target
from harness.engines.forking import LOG_FILE, ForkServer, can_fork, family, own_places
from harness.subjects.overlays import overlaid, python_path
from harness.subjects.release import Release, Target
from harness.words import ownership
from harness.words.costs import children_seconds
from harness.words.errors import LabError, UsageError
from harness.words.names import EXEC, FORK, POSTGRES, SERVER, SQLITE
from harness.words.scratch import scratch_folder
from harness.words.waiting import NotYet, wait_until

_LISTEN_SECONDS = 300  # a server listens some seconds after its start; on a starved machine, many
_NO_FORK_SERVER = 120  # what a client of a fork server ends with that is gone


class Processes:
    """The engine `processes`."""

    name = "processes"

    def __init__(self) -> None:
        self._fork_servers: list[subprocess.Popen[bytes]] = []

    def describe(self) -> str:
        """The engine and its host, in one phrase."""
        return f"processes on {platform.system()} {platform.release()}"

    def target(self) -> Target:
        """What subjects are resolved for on this engine."""
        return target()

    def build(self, release: Release, say: Callable[[str], None]) -> str:
        """The release's environment, by folder."""
        environment = build_environment(release, self.target(), say)
        return str(overlaid(environment, release.version, release.overlays) if release.overlays else environment)

    def resolve_image(self, asked: str) -> Release:
        """There are no images here."""
        raise UsageError(f"{asked} wants containers, and this run's engine is processes.\nUse --engine containers.")

    def prepare(self, database: str, _say: Callable[[str], None]) -> None:
        """PostgreSQL has to be there: nothing is installed on a person's machine."""
        if database == POSTGRES:
            postgres.programs()

    def warm(self, key: str, run: str) -> None:
        """Start the fork server of an environment for the labs of a run; it imports Prefect meanwhile."""
        server = ForkServer(Path(key), run)
        if can_fork() and not server.there():
            self._fork_servers.append(server.start())

    def close(self) -> None:
        """End the fork servers, and with them what they forked."""
        for process in self._fork_servers:
            process.kill()
            process.communicate()

    def site(
        self, *, subject_keys: Mapping[str, str], database: str, run: str, lab: str, folder: Path, start: str = EXEC
    ) -> ProcessSite:
        """A folder for a lab of the environments at `subject_keys`; logs are saved under `folder`."""
        environments = {role: Path(key) for role, key in subject_keys.items()}
        return ProcessSite(environments, database=database, run=run, lab=lab, folder=folder, start=start)


class ProcessSite:
    """One lab's folder and the processes in it; leaving it saves their logs, ends them and removes it."""

    def __init__(
        self, environments: Mapping[str, Path], *, database: str, run: str, lab: str, folder: Path, start: str = EXEC
    ) -> None:
        self._environments, self._database, self._run, self._folder = environments, database, run, folder
        self._lab, self._start = lab, start
        self._root = scratch_folder(run) / lab
        self._fork_servers: dict[Path, ForkServer] = {}  # by environment
        self.not_forked = ""
        self._nodes: list[ProcessNode] = []
        self._api_url = ""
        self._cluster: postgres.Cluster | None = None
        self._database_port = 0
        self._used_before = children_seconds()

    def __enter__(self) -> ProcessSite:
        Path(self.scenario_folder("")).mkdir(parents=True)
        if self._start == FORK:
            self._find_fork_servers()
        return self

    @property
    def forks(self) -> bool:
        """Whether its processes are forked."""
        return bool(self._fork_servers)

    def _find_fork_servers(self) -> None:
        """Wait for the fork server of each environment; where one cannot serve, all of this lab is started anew."""
        servers = {environment: ForkServer(environment, self._run) for environment in set(self._environments.values())}
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
        """Processor time of what ended (rusage of this process's children, and the fork server's) and of what lives."""
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
        """Copy the server's database, with the log of what it has not merged yet; PostgreSQL's as SQL."""
        folder.mkdir(parents=True, exist_ok=True)
        if self._cluster:
            command = [str(self._cluster.programs / "pg_dump"), "-p", str(self._database_port), "postgres"]
            environment = {"PATH": os.defpath, **self._cluster.environment()}
            with (folder / "prefect.sql").open("wb") as dump:
                subprocess.run(command, env=environment, stdout=dump, check=True, timeout=300)
        for file in (self._root / "server" / ".prefect").glob("prefect.db*"):
            shutil.copy(file, folder)

    def start_database(self, *, seconds: float) -> None:
        """PostgreSQL on a free loopback port, migrated by the subject."""
        if self._database != POSTGRES:
            return
        home = self._root / "database"
        home.mkdir(parents=True)
        environment = {"PATH": os.defpath, **ownership.environment(self._run)}
        self._cluster = cluster = postgres.make_cluster(home, environment)
        self._database_port = port = _free_port()
        node = ProcessNode("database", home, (), cluster.command(port), environment, account=cluster.account)
        self._nodes.append(node)
        node.start()
        _wait_for_port(node, port, "database")
        migration = self._node("migration", None, **self._database_settings())
        done = migration.run(MIGRATE, cwd=str(migration.home), seconds=seconds)
        if done.exit_code:
            raise LabError("the subject cannot migrate its database", source="migration", log=done.output[-4000:])

    def _database_settings(self) -> dict[str, str]:
        return {DATABASE_SETTING: self._cluster.url(self._database_port)} if self._cluster else {}

    def start_server(self, changed: Mapping[str, str]) -> tuple[Node, str]:
        """The server's process on a free loopback port."""
        port = _free_port()
        self._api_url = f"http://127.0.0.1:{port}/api"
        start = ["server", "start", "--host", "127.0.0.1", "--port", str(port)]
        command = ["-c", START_SERVER, self._prefect("server"), *start]
        own = server_environment(str(self._root / "server"), self._database)
        node = self._node("server", command, **own, **changed, **self._database_settings())
        if self._database == SQLITE:
            shutil.copy(self._environments[SERVER] / "home" / "prefect.db", node.home / ".prefect")
        node.start()
        _wait_for_port(node, port, "server")
        return node, self._api_url

    def start_node(self, name: str, command: Sequence[str] | None) -> Node:
        """A process that runs `prefect` with these arguments, or nothing but a place for `run`."""
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

    def _node(self, name: str, command: Sequence[str] | None, **more: str) -> ProcessNode:
        """A node that `start` starts the subject's Python in, with these arguments."""
        home = self._root / name
        venv = self._venv(name)
        environment = {
            **settings.node_environment(self._api_url),
            **ownership.environment(self._run),
            ownership.ENV_LAB: self._lab,
            "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            **own_places(home),
            **python_path(venv.parent),
            **more,
        }
        forks = self._fork_servers.get(venv.parent)
        python = forks.python if forks else str(venv / "bin" / "python")
        node = ProcessNode(
            name, home, [python, self._prefect(name)], [python, *(command or ())], environment, forks=forks
        )
        self._nodes.append(node)
        return node


class ProcessNode:
    """One process group, and the environment in which commands run beside it."""

    def __init__(
        self,
        name: str,
        home: Path,
        prefect: Sequence[str],
        command: Sequence[str],
        environment: dict[str, str],
        *,
        account: tuple[int, int] | None = None,
        forks: ForkServer | None = None,
    ) -> None:
        self.name, self.home, self._account, self._forks = name, home, account, forks
        self._prefect, self._command, self._environment = prefect, command, environment
        self._log = home / LOG_FILE
        self._process: subprocess.Popen[bytes] | None = None

    def running(self) -> bool:
        """Whether its process lives. Raises LabError where it ended with its fork server."""
        if self._process is not None and self._process.poll() == _NO_FORK_SERVER and self._forks:
            self._forks.check()
        return self._process is not None and self._process.poll() is None

    def ports(self) -> set[int]:
        """The ports that it and its descendants listen on."""
        if self._process is None:
            return set()
        with suppress(psutil.Error):
            connections = [c for p in self._family(self._process.pid) for c in p.net_connections("inet")]
            return {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
        return set()

    def descendants(self) -> list[psutil.Process]:
        """Its process and what that started, without what was forked for them; nothing where it does not live."""
        return family(self._process.pid, ()) if self._process and self._process.poll() is None else []

    def _family(self, pid: int) -> list[psutil.Process]:
        """A process, its descendants, and what was forked for any of them."""
        return family(pid, self._forks.living() if self._forks else ())

    def start(self) -> None:
        """Start it, or start it again."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=self.home, env=self._environment, start_new_session=True, **postgres.as_account(self._account),
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL to the process, its group and every descendant; returns once all are dead."""
        if self._process is None:
            return
        kill_tree(self._process.pid, self._family)
        self._process.wait(timeout=20)

    def stop(self, *, grace: float) -> bool:
        """SIGINT to the process itself, `kill` after `grace` seconds; returns whether that was not needed."""
        ended = True
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=grace)
            except subprocess.TimeoutExpired:
                ended = False
        self.kill()  # what it had started ends with it, as with a container
        return ended

    def quit(self) -> None:
        """SIGQUIT, and a few seconds for the process to end: PostgreSQL's immediate shutdown frees what it shares."""
        if self._process is not None and self.running():
            self._process.send_signal(signal.SIGQUIT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)

    def run(self, command: Sequence[str], *, cwd: str, seconds: float) -> CommandResult:
        """Run `prefect` with these arguments in `cwd`."""
        return self._run([*self._prefect, *command], cwd=cwd, seconds=seconds)

    def run_python(self, script: str, *, cwd: str, seconds: float) -> CommandResult:
        """Run a script by the environment's Python."""
        return self._run([self._prefect[0], script], cwd=cwd, seconds=seconds)

    def imported_version(self, *, seconds: float) -> str:
        """The version of Prefect that the environment's Python imports."""
        return self._run([self._prefect[0], "-c", ASK_VERSION], cwd=str(self.home), seconds=seconds).output.strip()

    def _run(self, command: Sequence[str], *, cwd: str, seconds: float) -> CommandResult:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=cwd, env=self._environment, start_new_session=True,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            kill_tree(process.pid, self._family)
            said, _ = process.communicate()
            raise LabError(
                f"`{shlex.join(command)}` did not end within {seconds:.0f} s",
                source=self.name,
                log=said.decode(errors="replace")[-4000:],
            ) from None
        except BaseException:
            kill_tree(process.pid, self._family)
            raise
        if process.returncode == _NO_FORK_SERVER and self._forks:
            self._forks.check()
        return CommandResult(process.returncode, said.decode(errors="replace"), time.monotonic() - started)

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files into a folder; each appears whole."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            beside = path / f".{name}.new"
            beside.write_bytes(content)
            beside.replace(path / name)

    def read(self, path: str) -> bytes:
        """What a file holds, if there is one."""
        file = Path(path)
        return file.read_bytes() if file.exists() else b""

    def shell(self, cwd: str) -> str:
        """By a script of its own, since what has to be said is its whole environment."""
        script = self.home / "prefect"
        environment = [f"{name}={value}" for name, value in self._environment.items()]
        line = shlex.join(["env", "-i", *environment, *self._prefect])
        script.write_text(f'#!/bin/sh\ncd {shlex.quote(cwd)} && exec {line} "$@"\n', encoding="utf-8")
        script.chmod(0o700)
        return shlex.quote(str(script))

    def log(self) -> str:
        """What the process printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""


def _wait_for_port(node: ProcessNode, port: int, what: str) -> None:
    """Until the node itself listens there: another program may have taken the port, and is not to be spoken to."""

    def listening() -> None:
        if not node.running():
            raise LabError(f"the {what}'s process ended at once", source=what, log=node.log()[-4000:])
        if port not in node.ports():
            raise NotYet(f"nothing of ours on port {port}")

    wait_until(f"the {what}'s port", listening, seconds=_LISTEN_SECONDS, source=what)


def kill_tree(pid: int, members: Callable[[int], list[psutil.Process]] = lambda pid: family(pid, ())) -> None:
    """SIGKILL to a process group of our own making and to every descendant, those that left the group included.

    `members` gives the process and its descendants; it is asked again until none of them lives.
    """
    everyone: dict[int, psutil.Process] = {}

    def dead() -> None:
        with suppress(LabError):  # a fork server that is gone took its own with it
            everyone.update((process.pid, process) for process in members(pid))
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        left = [process for process in everyone.values() if _lives(process)]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if left:
            raise NotYet(f"still there: {left}")

    wait_until(f"the death of process {pid}", dead, seconds=20, every=0.05)


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
