"""Labs in Docker containers: one network a lab, ports on 127.0.0.1 alone, everything labelled."""

from __future__ import annotations

import io
import shlex
import tarfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path, PurePosixPath
from typing import Any

import docker.errors
from docker.models.containers import Container
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.network import Network

import docker
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
from harness.engines.forking import READY_SECONDS
from harness.engines.image import build_image, build_postgres, inspect_image, postgres_tag, target
from harness.subjects.release import Release, Target
from harness.words import ownership
from harness.words.errors import DeadlineError, LabError
from harness.words.names import EXEC, FORK, POSTGRES, SERVER
from harness.words.waiting import NotYet, wait_until

# Its reaper's image may not be there to pull, and reaps by session, not by owner: the sweep here is by label.
testcontainers_config.ryuk_disabled = True
testcontainers_config.hub_image_name_prefix = ""  # the images are our own, and local

LABEL_LAB = f"{ownership.PROJECT}.lab"
LABEL_NODE = f"{ownership.PROJECT}.node"
_PORT = 4200
_USER, _HOME = "1000:1000", "/home/subject"
_SCENARIOS = PurePosixPath("/srv/scenarios")
_FORKING, _FORK_SERVER = f"{_HOME}/.fork", "/opt/fork_server.py"  # its folder, and where docker/fork.Dockerfile puts it


def connect() -> docker.DockerClient:
    """A client of the engine that answers. Raises LabError where none does."""
    try:
        # testcontainers' own way to an engine (its properties, DOCKER_HOST, the docker context): labs start on that
        # one, so images must be built and sweeps made there too.
        client = DockerClient(timeout=60).client
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise LabError(f"no Docker engine answers: {_short(error)}") from error
    return client


class Containers:
    """The engine `containers`."""

    name = "containers"

    def __init__(self) -> None:
        self.client = connect()

    def describe(self) -> str:
        """The engine and its version, in one phrase."""
        return f"Docker {self.client.version()['Version']}"

    def target(self) -> Target:
        """What subjects are resolved for on this engine."""
        return target(self.client)

    def build(self, release: Release, say: Callable[[str], None]) -> str:
        """The release's image, by tag."""
        return build_image(self.client, release, say)

    def resolve_image(self, asked: str) -> Release:
        """What an image of the person's own holds; pulled where this engine does not have it."""
        return inspect_image(self.client, asked)

    def prepare(self, database: str, say: Callable[[str], None]) -> None:
        """PostgreSQL's image, built where it is not there yet."""
        if database == POSTGRES:
            build_postgres(self.client, say)

    def warm(self, key: str, run: str) -> None:
        """Each container has a fork server of its own, which starts with it."""

    def close(self) -> None:
        """Nothing was started."""

    def site(
        self, *, subject_keys: Mapping[str, str], database: str, run: str, lab: str, folder: Path, start: str = EXEC
    ) -> ContainerSite:
        """A network for a lab of the images `subject_keys`; logs are saved under `folder`."""
        return ContainerSite(self.client, subject_keys, database=database, run=run, lab=lab, folder=folder, start=start)


class ContainerSite:
    """One lab's network and the containers on it; leaving it saves their logs and removes them."""

    def __init__(
        self,
        client: docker.DockerClient,
        images: Mapping[str, str],
        *,
        database: str,
        run: str,
        lab: str,
        folder: Path,
        start: str = EXEC,
    ) -> None:
        self._client, self._images, self._run, self._lab, self._folder = client, images, run, lab, folder
        self._database, self._forks = database, start == FORK
        self._not_forked: str | None = None
        self._exit = ExitStack()
        self._network: Any = None
        self._nodes: list[ContainerNode] = []

    def __enter__(self) -> ContainerSite:
        self._network = Network(docker_network_kw={"labels": ownership.labels(self._run)})
        self._network.create()
        self._exit.callback(_quietly(self._network.remove))
        return self

    def __exit__(self, *_: object) -> None:
        try:
            _quietly(self.cpu_seconds)()  # while the containers can say it
            self.save_logs()
        finally:
            self._exit.close()

    @property
    def forks(self) -> bool:
        """Whether its processes are forked, asked of a lab that stands."""
        return self._forks and not self.not_forked

    @property
    def not_forked(self) -> str:
        """What a fork server of this lab says why it does not serve; asked once, of a lab that stands."""
        if self._not_forked is None:
            asked = [node for node in self._nodes if node.name in ("server", "deployer")] if self._forks else []
            self._not_forked = next(filter(None, (node.why_not_forked() for node in asked)), "")
        return self._not_forked

    def _started(self, *words: str) -> list[str]:
        """The command of a container that runs these words by the subject's Python; nothing, where there are none."""
        if self._forks:
            return ["python3", _FORK_SERVER, _FORKING, *(["--", *words] if words else [])]
        return ["python3", *words] if words else ["sleep", "infinity"]

    def cpu_seconds(self) -> float:
        """Processor time by each container's own counter, its last word where the container is gone."""
        return sum(node.cpu_seconds() for node in self._nodes)

    def save_logs(self) -> None:
        """Write every node's log, whatever its state."""
        for node in self._nodes:
            save_log(self._folder, node.name, _quietly(node.log)() or "")

    def save_database(self, folder: Path) -> None:
        """Copy the server's database, with the log of what it has not merged yet; PostgreSQL's as SQL."""
        folder.mkdir(parents=True, exist_ok=True)
        if self._database == POSTGRES:
            database = next(node for node in self._nodes if node.name == "database")
            dumped = database.execute(["pg_dump", *_POSTGRES_CLIENT, "postgres"], cwd="/", seconds=300)
            if dumped.exit_code:
                raise LabError(f"pg_dump exited {dumped.exit_code}", source="database", log=dumped.output[-2000:])
            (folder / "prefect.sql").write_text(dumped.output, encoding="utf-8")
            return
        server = next(node for node in self._nodes if node.name == "server")
        for name, content in _files_at(server.container, f"{_HOME}/.prefect").items():
            if name.startswith("prefect.db"):
                (folder / name).write_bytes(content)

    def start_database(self, *, seconds: float) -> None:
        """PostgreSQL in a container that nothing is published of, migrated by the subject in another."""
        if self._database != POSTGRES:
            return
        database = self._start("database", ["postgres", *postgres.OPTIONS], image=postgres_tag(), environment={})

        def ready() -> None:
            if not database.running():
                raise LabError("the database's container ended at once", source="database", log=database.log()[-4000:])
            if database.execute(["pg_isready", *_POSTGRES_CLIENT], cwd="/", seconds=20).exit_code:
                raise NotYet("pg_isready says that it is not")

        wait_until("the database", ready, seconds=seconds, source="database")
        migration = self._start(
            "migration", ["python3", _PREFECT, *MIGRATE], environment=self._environment(server=True)
        )
        code = migration.end(seconds=seconds)
        if code:
            log = migration.log()[-4000:]
            raise LabError("the subject cannot migrate its database", source="migration", log=log)

    def _environment(self, *, server: bool = False) -> dict[str, str]:
        environment = settings.node_environment(f"http://{_alias('server')}:{_PORT}/api")
        if server and self._database == POSTGRES:
            environment[DATABASE_SETTING] = postgres.connection_url(_alias("database"))
        return environment

    def start_server(self, changed: Mapping[str, str]) -> tuple[Node, str]:
        """The server's container, published on a free loopback port."""
        everywhere = "0.0.0.0"  # noqa: S104 - on its own network; the host publishes it on loopback alone
        start = ["server", "start", "--host", everywhere, "--port", str(_PORT)]
        command = self._started("-c", START_SERVER, _PREFECT, *start)
        environment = {**self._environment(server=True), **server_environment(_HOME, self._database), **changed}
        node = self._start("server", command, environment=environment, publish=True)

        def port() -> int:
            node.container.reload()
            if not node.running():
                raise LabError("the server's container ended at once", source="server", log=node.log()[-4000:])
            published = node.container.ports.get(f"{_PORT}/tcp")
            if not published:
                raise NotYet("no published port")
            return int(published[0]["HostPort"])

        return node, f"http://127.0.0.1:{wait_until('the published port', port, seconds=20)}/api"

    def start_node(self, name: str, command: Sequence[str] | None) -> Node:
        """A container that runs `command` (`prefect` and its arguments), or only waits for `run`."""
        words = self._started(_PREFECT, *command) if command else self._started()
        return self._start(name, words, environment=self._environment())

    def start_script(self, name: str, script: str, folder: str, files: Mapping[str, bytes]) -> Node:
        """A container that runs the script as soon as it is there: files are put into one that lives."""
        path = f"{folder}/{script}"
        once_there = 'until test -e "$0"; do sleep 0.1; done; exec "$@"'
        command = ["sh", "-c", once_there, path, *self._started(path)]
        node = self._start(name, command, environment=self._environment())
        node.write(folder, {key: content for key, content in files.items() if key != script})
        node.write(folder, {script: files[script]})
        return node

    def scenario_folder(self, scenario: str) -> str:
        """Where a scenario's files lie in every container."""
        return str(_SCENARIOS / scenario)

    def _image_id(self, image: str) -> str:
        """The image by id: a name could be pulled from a registry, where it is not ours."""
        try:
            return str(self._client.images.get(image).id)
        except docker.errors.DockerException as error:
            raise LabError(f"the image {image} is gone: {_short(error)}", source="build") from error

    def _start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        image: str | None = None,
        publish: bool = False,
    ) -> ContainerNode:
        container = DockerContainer(
            self._image_id(image or self._images.get(role_of(name), self._images[SERVER])),
            labels={**ownership.labels(self._run), LABEL_LAB: self._lab, LABEL_NODE: name},
            name=f"{ownership.PROJECT}-{self._run}-{self._lab}-{name}",
            init=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
        )
        container.with_command(shlex.join(command)).with_network(self._network).with_network_aliases(_alias(name))
        for key, value in environment.items():
            container.with_env(key, value)
        if publish:
            # Not with_bind_ports, which publishes on every interface: the API has no password.
            ports: dict[Any, Any] = container.ports
            ports[_PORT] = ("127.0.0.1", None)
        self._exit.callback(_quietly(lambda: container.stop(force=True, delete_volume=True)))
        try:
            container.start()
        except (docker.errors.DockerException, OSError) as error:
            raise LabError(f"the container {name} does not start: {_short(error)}", source=name) from error
        forks = self._forks and name not in ("database", "migration")
        node = ContainerNode(name, container.get_wrapped_container(), forks=forks)
        self._nodes.append(node)
        return node


_POSTGRES_CLIENT = ("-h", "127.0.0.1", "-U", postgres.USER)
_PREFECT = "/opt/subject/bin/prefect"  # run by Python: releases before 3.1 have no `python -m prefect`


class ContainerNode:
    """One container."""

    def __init__(self, name: str, container: Container, *, forks: bool) -> None:
        self.name = name
        self._python = f"{_FORKING}/python" if forks else "python3"
        self.container = container
        self._used = self._used_before = 0.0  # processor seconds since it started last, and before
        self._cgroup: Path | None = None

    def running(self) -> bool:
        """Whether the engine says that it runs."""
        self.container.reload()
        return bool(self.container.status == "running")

    def start(self) -> None:
        """Start the container again, its files as they were."""
        self._used_before, self._used = self._used_before + self._used, 0.0
        self.container.start()

    def cpu_seconds(self) -> float:
        """Its processor time so far; what counts it starts anew with the container, and goes with it."""
        if not self._cgroup:
            with suppress(docker.errors.DockerException, OSError):
                self.container.reload()
                self._cgroup = cgroup_of(int(self.container.attrs["State"]["Pid"]), str(self.container.id))
        with suppress(docker.errors.DockerException, OSError, KeyError, ValueError):
            self._used = max(self._used, usage_of(self._cgroup) if self._cgroup else self._asked_seconds())
        return self._used_before + self._used

    def _asked_seconds(self) -> float:
        """What the engine says, which takes a second: for engines on another host."""
        stats: Any = self.container.stats(stream=False, one_shot=True)
        return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9

    def stop(self, *, grace: float) -> bool:
        """SIGINT to the container's command, SIGKILL after `grace` seconds; returns whether that was not needed."""
        self.container.kill(signal="SIGINT")
        try:
            self.end(seconds=grace)
        except DeadlineError:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """SIGKILL; returns once the engine says that it is dead, at once where it is."""
        if not self.running():
            return
        self.cpu_seconds()
        # It may end by itself meanwhile, which the engine calls a conflict; that it is dead is waited for.
        with suppress(docker.errors.APIError):
            self.container.kill()

        def dead() -> None:
            if self.running():
                raise NotYet(f"{self.name} is {self.container.status}")

        wait_until(f"the death of {self.name}", dead, seconds=20)

    def run(self, command: Sequence[str], *, cwd: str, seconds: float) -> CommandResult:
        """Run `prefect` with these arguments in the container (docker exec)."""
        return self.execute([self._python, _PREFECT, *command], cwd=cwd, seconds=seconds)

    def run_python(self, script: str, *, cwd: str, seconds: float) -> CommandResult:
        """Run a script by the image's Python."""
        return self.execute([self._python, script], cwd=cwd, seconds=seconds)

    def imported_version(self, *, seconds: float) -> str:
        """The version of Prefect that the image's Python imports."""
        return self.execute([self._python, "-c", ASK_VERSION], cwd=_HOME, seconds=seconds).output.strip()

    def why_not_forked(self) -> str:
        """Why its fork server does not serve, as it says once it has imported Prefect; empty where it serves.

        Raises: LabError where it ended before, DeadlineError.
        """

        def said() -> str:
            asked = self.execute(["cat", f"{_FORKING}/ready"], cwd="/", seconds=20)
            if asked.exit_code == 0:
                return str(asked.output.strip())
            if not self.running():
                raise LabError(f"the container {self.name} ended at once", source=self.name, log=self.log()[-4000:])
            raise NotYet(asked.output.strip())

        return wait_until("the fork server", said, seconds=READY_SECONDS, every=0.1, source=self.name)

    def end(self, *, seconds: float) -> int:
        """Wait for its end; returns the exit code. Raises LabError where it takes longer."""

        def ended() -> int:
            if self.running():
                raise NotYet("; ".join(self.log()[-300:].splitlines()[-2:]))
            return int(self.container.attrs["State"]["ExitCode"])

        return wait_until(f"the end of {self.name}", ended, seconds=seconds, source=self.name)

    def execute(self, command: Sequence[str], *, cwd: str, seconds: float) -> CommandResult:
        """Run any command in the container (docker exec)."""
        client = self.container.client
        assert client is not None  # a container that an engine gave out has one
        api = client.api
        started = time.monotonic()
        # The command is ended inside the container too, a little after the wait for it.
        bounded = ["timeout", "-k", "5", str(int(seconds) + 5), *command]
        handle = api.exec_create(self.container.id, bounded, workdir=cwd, user=_USER)["Id"]
        output: list[bytes] = []
        reader = threading.Thread(target=lambda: output.append(api.exec_start(handle)), daemon=True)
        reader.start()
        reader.join(seconds)
        said = b"".join(output).decode(errors="replace")
        if reader.is_alive():
            raise LabError(
                f"`{shlex.join(command)}` did not end within {seconds:.0f} s",
                source=self.name,
                log=said[-4000:],
            )
        code = api.exec_inspect(handle)["ExitCode"]
        if code is None:
            raise LabError(f"`{shlex.join(command)}` was cut off", source=self.name, log=said[-4000:])
        return CommandResult(int(code), said, time.monotonic() - started)

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files into the container, owned by the user its processes run as."""
        bundle = io.BytesIO()
        with tarfile.open(fileobj=bundle, mode="w") as tar:
            path = PurePosixPath(folder).relative_to(_SCENARIOS)
            entries: list[tuple[str, bytes | None]] = [(str(path), None)]
            entries += [(str(path / name), content) for name, content in files.items()]
            for name, content in entries:
                entry = tarfile.TarInfo(name)
                entry.uid = entry.gid = 1000
                entry.mtime = int(time.time())
                entry.type, entry.mode = (tarfile.DIRTYPE, 0o755) if content is None else (tarfile.REGTYPE, 0o644)
                entry.size = len(content or b"")
                tar.addfile(entry, io.BytesIO(content) if content is not None else None)
        if not self.container.put_archive(str(_SCENARIOS), bundle.getvalue()):
            raise LabError(f"files could not be put into {self.name}", source=self.name)

    def read(self, path: str) -> bytes:
        """What a file in the container holds, if there is one; its files are there when it is dead, too."""
        try:
            return _files_at(self.container, path)[PurePosixPath(path).name]
        except docker.errors.NotFound:
            return b""

    def shell(self, cwd: str) -> str:
        """By `docker exec`."""
        return shlex.join(["docker", "exec", "-w", cwd, str(self.container.name), self._python, _PREFECT])

    def log(self) -> str:
        """What the container printed so far, with the engine's time before each line."""
        return str(self.container.logs(timestamps=True).decode(errors="replace"))


def _files_at(container: Container, path: str) -> dict[str, bytes]:
    """The files in a container at and under a path, by their own names. Raises docker's NotFound where nothing is."""
    chunks, _ = container.get_archive(path)
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        found = ((PurePosixPath(member.name).name, tar.extractfile(member)) for member in tar.getmembers())
        return {name: content.read() for name, content in found if content}


def cgroup_of(pid: int, container: str, root: Path = Path("/")) -> Path | None:
    """The file that counts a container's processor time, by one of its processes; None where it is on no host of ours.

    Linux has two forms of control groups: in the second, one hierarchy has all; in the first, `cpuacct` counts.
    """
    for line in (root / f"proc/{pid}/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, place = line.split(":", 2)
        if container in place and (not controllers or "cpuacct" in controllers.split(",")):
            name = f"{controllers}{place}/cpuacct.usage" if controllers else f"{place[1:]}/cpu.stat"
            if (file := root / "sys/fs/cgroup" / name).exists():
                return file
    return None


def usage_of(file: Path) -> float:
    """The seconds that such a file counts: nanoseconds in the first form, `usage_usec` in the second."""
    text = file.read_text(encoding="ascii")
    if file.name == "cpu.stat":
        return int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6
    return int(text) / 1e9


def _alias(name: str) -> str:
    """A node's name on its lab's network; no other network has one like it, should the node be gone when asked for."""
    return f"{ownership.PROJECT}-{name}"


def _quietly(call: Callable[[], Any]) -> Callable[[], Any]:
    """The call, with an engine's refusal (a container gone already) taken as done."""

    def quiet() -> Any:
        with suppress(docker.errors.DockerException, OSError):
            return call()
        return None

    return quiet


def _short(error: BaseException) -> str:
    root = error
    while root.__cause__ or root.__context__:
        root = root.__cause__ or root.__context__ or root
    return str(getattr(error, "explanation", None) or root)[:300]
