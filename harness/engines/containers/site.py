"""One lab's network, and the containers on it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import docker.errors
from testcontainers.core.docker_client import DockerClient

from harness.engines import movable_clock, postgres, settings
from harness.engines.base import Node, SiteSetup, clock_read, database_of, role_of, save_log
from harness.engines.containers import clock as clocks
from harness.engines.containers.connection import quietly, short
from harness.engines.containers.image import postgres_tag
from harness.engines.containers.node import (
    FORKING,
    HOME,
    LABEL_LAB,
    LABEL_NODE,
    PREFECT,
    SCENARIOS,
    ContainerNode,
    bundle_of,
    files_at,
)
from harness.engines.inside import ASK_DATABASE_CLOCK, DATABASE_SETTING, MIGRATE, START_SERVER, server_environment
from harness.words import ownership
from harness.words.errors import LabError
from harness.words.names import FORK, POSTGRES, SERVER, UPGRADE, WARP
from harness.words.scratch import scratch_folder
from harness.words.waiting import NotYet, wait_until

_PORT = 4200
_FORK_SERVER = "/opt/fork_server"  # where docker/fork.Dockerfile puts it
_POSTGRES_CLIENT = ("-h", "127.0.0.1", "-U", postgres.USER)


class ContainerSite:
    """One lab's network and the containers on it. Leaving it saves their logs and removes them."""

    def __init__(self, engine: DockerClient, setup: SiteSetup) -> None:
        run, lab = setup.run, setup.lab
        self._engine, self._images, self._run, self._lab = engine, setup.subject_keys, run, lab
        self._name = f"{ownership.PROJECT}-{run}-{lab}"  # of its network; its containers' names begin with it
        self._folder, self._database, self._forks = setup.folder, setup.database, setup.start == FORK
        # In the folder on this host that all containers share, where their clock is movable.
        self.clock_file = scratch_folder(run) / lab / "clock" / movable_clock.FILE if setup.clock == WARP else None
        self._not_forked: str | None = None
        self._exit = ExitStack()
        self._nodes: list[ContainerNode] = []
        self._serving: ContainerNode | None = None  # the server that was started last

    def __enter__(self) -> ContainerSite:
        network = self._engine.client_networks_create(self._name, {"labels": ownership.labels(self._run)})
        self._exit.callback(quietly(network.remove))
        if self.clock_file:
            movable_clock.make_folder(self.clock_file.parent)
            self._exit.callback(shutil.rmtree, self.clock_file.parent, ignore_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            quietly(self.cpu_seconds)()  # while the containers can say it
            self.save_logs()
        finally:
            self._exit.close()

    @property
    def forks(self) -> bool:
        """Whether its processes are forked, asked of a lab that stands."""
        return self._forks and not self.not_forked

    @property
    def not_forked(self) -> str:
        """Why a fork server of this lab cannot serve, in its own words; empty if all can. Asked once."""
        if self._not_forked is None:
            asked = [node for node in self._nodes if node.name in ("server", "deployer")] if self._forks else []
            self._not_forked = next(filter(None, (node.why_not_forked() for node in asked)), "")
        return self._not_forked

    def _started(self, *words: str) -> list[str]:
        """The command of a container that runs these words by the subject's Python; without words, it only waits."""
        if self._forks:
            return ["python3", _FORK_SERVER, FORKING, *(["--", *words] if words else [])]
        return ["python3", *words] if words else ["sleep", "infinity"]

    def cpu_seconds(self) -> float:
        """Processor time by each container's own counter; the last value read, for a container that is gone."""
        return sum(node.cpu_seconds() for node in self._nodes)

    def save_logs(self) -> None:
        """Write every node's log, whatever its state."""
        for node in self._nodes:
            save_log(self._folder, node.name, quietly(node.log)() or "")

    def save_database(self, folder: Path) -> None:
        """Copy the server's database: SQLite's file and its write-ahead log, or PostgreSQL's as SQL."""
        folder.mkdir(parents=True, exist_ok=True)
        if self._database == POSTGRES:
            database = database_of(self._nodes)
            dumped = database.execute(["pg_dump", *_POSTGRES_CLIENT, "postgres"], cwd="/", seconds=300)
            if dumped.exit_code:
                raise LabError(f"pg_dump exited {dumped.exit_code}", source="database", log=dumped.output[-2000:])
            (folder / "prefect.sql").write_text(dumped.output, encoding="utf-8")
            return
        for name, content in self._database_files().items():
            (folder / name).write_bytes(content)

    def move_clock(self, ahead: int) -> None:
        """By a file of the folder that all containers of the lab share."""
        assert self.clock_file, "the clock of this lab is the host's"
        movable_clock.set_ahead(self.clock_file, ahead)

    def database_clock(self, *, seconds: float) -> float | None:
        """What PostgreSQL says to a new connection."""
        if self._database != POSTGRES:
            return None
        database = next(node for node in self._nodes if node.name == "database")
        command = ["psql", *_POSTGRES_CLIENT, "-Atc", ASK_DATABASE_CLOCK, "postgres"]
        return clock_read(database.execute(command, cwd="/", seconds=seconds), "database")

    def start_database(self, *, seconds: float) -> None:
        """Start PostgreSQL in a container without a published port, and migrate it from another one."""
        if self._database != POSTGRES:
            return
        database = self._start("database", ["postgres", *postgres.OPTIONS], image=postgres_tag(), environment={})

        def ready() -> None:
            if not database.running():
                raise LabError("the database's container ended at once", source="database", log=database.log()[-4000:])
            if database.execute(["pg_isready", *_POSTGRES_CLIENT], cwd="/", seconds=20).exit_code:
                raise NotYet("pg_isready says that it is not")

        wait_until("the database", ready, seconds=seconds, source="database")
        migration = self._start("migration", ["python3", PREFECT, *MIGRATE], environment=self._environment(server=True))
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
        return self._server(SERVER, changed, {}), self.server_url()

    def start_upgrade(self, changed: Mapping[str, str]) -> tuple[Node, str]:
        """A container of the other release under the same name on the network; on SQLite with the database's files."""
        files = {} if self._database == POSTGRES else self._database_files()
        return self._server(UPGRADE, changed, files, migrates=True), self.server_url()

    def _server(
        self, name: str, changed: Mapping[str, str], files: Mapping[str, bytes], *, migrates: bool = False
    ) -> Node:
        """A server; `files` are those of its SQLite database, in place of what its image has."""
        everywhere = "0.0.0.0"  # noqa: S104 - on its own network; the host publishes it on loopback alone
        start = ["server", "start", "--host", everywhere, "--port", str(_PORT)]
        command = self._started("-c", START_SERVER, PREFECT, *start)
        own = server_environment(HOME, self._database, migrates=migrates)
        environment = {**self._environment(server=True), **own, **changed}
        self._serving = self._start(name, command, environment=environment, publish=True, alias=SERVER, files=files)
        return self._serving

    def server_url(self) -> str:
        """By the port that the engine publishes: it chooses one anew at each start of the container."""
        node = self._serving
        assert node  # it was started

        def port() -> str:
            if not node.running():
                raise LabError("the server's container ended at once", source=node.name, log=node.log()[-4000:])
            try:
                return self._engine.port(str(node.container.id), _PORT)
            except ConnectionError as error:
                raise NotYet(str(error)) from None

        return f"http://127.0.0.1:{wait_until('the published port', port, seconds=20)}/api"

    def database(self) -> Node:
        """PostgreSQL's container."""
        return database_of(self._nodes)

    def _database_files(self) -> dict[str, bytes]:
        """The files of the SQLite database, of the server that was started last; it may have ended."""
        assert self._serving  # it was started
        found = files_at(self._serving.container, f"{HOME}/.prefect")
        return {name: content for name, content in found.items() if name.startswith("prefect.db")}

    def start_node(self, name: str, command: Sequence[str] | None) -> Node:
        """A container that runs `command` (`prefect` and its arguments), or only waits for `run`."""
        words = self._started(PREFECT, *command) if command else self._started()
        return self._start(name, words, environment=self._environment())

    def start_script(self, name: str, script: str, folder: str, files: Mapping[str, bytes]) -> Node:
        """A container that waits for the script, since files can only be put into a living one, and then runs it."""
        path = f"{folder}/{script}"
        once_there = 'until test -e "$0"; do sleep 0.1; done; exec "$@"'
        command = ["sh", "-c", once_there, path, *self._started(path)]
        node = self._start(name, command, environment=self._environment())
        node.write(folder, {key: content for key, content in files.items() if key != script})
        node.write(folder, {script: files[script]})
        return node

    def scenario_folder(self, scenario: str) -> str:
        """Where a scenario's files lie in every container."""
        return str(SCENARIOS / scenario)

    def _image_id(self, image: str) -> str:
        """The image's id. A name that is gone here would be pulled from a registry, where it is not ours."""
        try:
            return str(self._engine.client.images.get(image).id)
        except docker.errors.DockerException as error:
            raise LabError(f"the image {image} is gone: {short(error)}", source="build") from error

    def _start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        image: str | None = None,
        publish: bool = False,
        alias: str = "",
        files: Mapping[str, bytes] | None = None,
    ) -> ContainerNode:
        """Start a container. `alias`: the node whose name on the network it has; `files`: in Prefect's home."""
        aliased = self._engine.client.api.create_endpoint_config(aliases=[_alias(alias or name)])
        try:
            container = self._engine.create(
                self._image_id(image or self._images.get(role_of(name), self._images[SERVER])),
                list(command),
                {**environment, **(clocks.ENVIRONMENT if self.clock_file else {})},
                # On loopback alone, since the API has no password; the engine chooses the port.
                ports={f"{_PORT}/tcp": ("127.0.0.1", 0)} if publish else None,
                labels={**ownership.labels(self._run), LABEL_LAB: self._lab, LABEL_NODE: name},
                name=f"{self._name}-{name}",
                network=self._name,
                networking_config={self._name: aliased},
                volumes=clocks.volumes(self.clock_file.parent) if self.clock_file else None,
                init=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
            )
            self._exit.callback(quietly(lambda: container.remove(force=True, v=True)))
            if files:
                container.put_archive(HOME, bundle_of(".prefect", files))
            self._engine.start(container)
        except (docker.errors.DockerException, OSError) as error:
            raise LabError(f"the container {name} does not start: {short(error)}", source=name) from error
        forks = self._forks and name not in ("database", "migration")
        node = ContainerNode(name, container, forks=forks, network=self._name, alias=_alias(alias or name))
        self._nodes.append(node)
        return node


def _alias(name: str) -> str:
    """A node's name on its lab's network: a long one, which means nothing elsewhere if the node is gone."""
    return f"{ownership.PROJECT}-{name}"
