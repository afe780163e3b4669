"""What an engine offers a lab. Scenarios, doors and trials see only this, never which engine it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from harness.words.errors import LabError
from harness.words.facts import PartSeen
from harness.words.names import EXEC, REAL, ROLES, SERVER
from harness.words.redaction import redact

if TYPE_CHECKING:
    from harness.subjects.release import Release, Target


DATABASE = "database"  # the name of its node


@dataclass(frozen=True)
class CommandResult:
    """How a command in a node ended: its exit code, and its output (stdout and stderr as one, as a person sees it)."""

    exit_code: int
    output: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SiteSetup:
    """What an engine makes a lab's site from.

    subject_keys  the keys that `build` returned, by role: `server`, and other roles if they run another release
    database      what the server keeps its data in
    run, lab      the run's id, and the lab's name in it
    folder        where its logs are saved
    start, clock  how its processes start, one of STARTS; the clock that all of it lives on, one of CLOCKS
    """

    subject_keys: Mapping[str, str]
    database: str
    run: str
    lab: str
    folder: Path
    start: str = EXEC
    clock: str = REAL


class Node(Protocol):
    """One living part of a lab: the server, a worker, the deployer."""

    name: str

    def running(self) -> bool:
        """Whether it lives, by the engine's own word."""
        ...

    def start(self) -> None:
        """Start it again after its end, its files as they are."""
        ...

    def stop(self, *, grace: float) -> bool:
        """SIGINT to what it runs, as Ctrl-C sends; `kill` if that has not ended within `grace` seconds.

        Returns: whether it ended by itself.
        """
        ...

    def kill(self) -> None:
        """SIGKILL to all of it; returns once the engine says that it is dead."""
        ...

    def seen(self) -> PartSeen:
        """It as the engine sees it now."""
        ...

    def freeze(self) -> None:
        """Let nothing of it run any more, and keep all of it as it is; returns once that is so."""
        ...

    def thaw(self) -> None:
        """Let it run on."""
        ...

    def cut_off(self) -> None:
        """Take it off the lab's network. Raises: LabError on an engine that has none."""
        ...

    def connect(self) -> None:
        """Put it on the lab's network again. Raises: LabError on an engine that has none."""
        ...

    def process(self, pid: int) -> PartSeen:
        """One process of it, by its id inside the node; `ended` where there is none."""
        ...

    def kill_process(self, pid: int) -> None:
        """SIGKILL to one process of it, and to nothing else. Raises: LabError where it has no such process."""
        ...

    def run(self, command: Sequence[str], *, cwd: str, seconds: float) -> CommandResult:
        """Run a command beside it, with its environment, in `cwd` (a path inside the node).

        Raises: LabError when it takes longer than `seconds`; what it started is ended.
        """
        ...

    def run_python(self, script: str, *, cwd: str, seconds: float) -> CommandResult:
        """Run a script that lies in `cwd` by the subject's own Python. Raises: LabError as `run` does."""
        ...

    def imported_version(self, *, seconds: float) -> str:
        """The version of Prefect that the node's Python imports. It takes 0.1 s, and `prefect version` several seconds.

        Raises: LabError as `run` does.
        """
        ...

    def clock(self, *, seconds: float) -> float:
        """What a process beside it reads from its clock, in seconds since 1970. Raises: LabError as `run` does."""
        ...

    def write(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files into a folder inside the node; the folder is made if it is missing."""
        ...

    def read(self, path: str) -> bytes:
        """What a file inside the node holds, or nothing if there is no such file; the node may be dead."""
        ...

    def shell(self, cwd: str) -> str:
        """The start of a line for this host's shell that runs `prefect` beside the node, in `cwd`."""
        ...

    def log(self) -> str:
        """Everything it has printed so far."""
        ...


N = TypeVar("N", bound=Node)


class Site(Protocol):
    """What an engine gives to one lab: a network or a folder, and the nodes in it. A context manager."""

    @property
    def forks(self) -> bool:
        """Whether its processes are forked; asked after its server has been started."""
        ...

    @property
    def not_forked(self) -> str:
        """Why its processes cannot be forked though FORK was asked for; else empty. Asked as `forks` is."""
        ...

    def __enter__(self) -> Site: ...

    def __exit__(self, *_: object) -> None: ...

    def start_database(self, *, seconds: float) -> None:
        """Start the database server and migrate its database. For SQLite, a file of the server's, it does nothing.

        Raises: LabError if that fails or takes longer than `seconds`.
        """
        ...

    def move_clock(self, ahead: int) -> None:
        """Put the clock of all that lives here, or will, so many seconds ahead of this host's: on WARP alone."""
        ...

    def database_clock(self, *, seconds: float) -> float | None:
        """What the database server reads from its clock, as `Node.clock`; None for SQLite, which is the server's own.

        Raises: LabError if it does not answer in time.
        """
        ...

    @property
    def clock_file(self) -> Path | None:
        """The file on this host that says how far ahead the clock of all that lives here is; None on REAL."""
        ...

    def start_server(self, changed: Mapping[str, str]) -> tuple[Node, str]:
        """Start the server with these settings changed; does not wait for its health.

        Returns: its node, and the API's URL as the harness reaches it.
        """
        ...

    def server_url(self) -> str:
        """The URL of the API as the harness reaches it; another one, maybe, once the server was started again."""
        ...

    def start_upgrade(self, changed: Mapping[str, str]) -> tuple[Node, str]:
        """Start the server of the role `upgrade` in the place of the first, which has ended, and on its database.

        It migrates the database as it starts. Returns: as `start_server` does.
        """
        ...

    def database(self) -> Node:
        """The node of the database server. Raises: LabError where there is none."""
        ...

    def start_node(self, name: str, command: Sequence[str] | None) -> Node:
        """Start a node that runs `prefect` with the words of `command`, or, if it is None, only waits for `run`."""
        ...

    def start_script(self, name: str, script: str, folder: str, files: Mapping[str, bytes]) -> Node:
        """Start a node that runs a script by the subject's own Python, in this folder, with these files in it.

        `script` is the name of one of the files.
        """
        ...

    def cpu_seconds(self) -> float:
        """Processor time that the lab's processes have used so far, in seconds, those that ended included."""
        ...

    def save_database(self, folder: Path) -> None:
        """Copy the server's database into a folder on this host; it is made if it is missing."""
        ...

    def scenario_folder(self, scenario: str) -> str:
        """The path at which a scenario's files lie inside every node."""
        ...


class Engine(Protocol):
    """Builds subjects, and opens a site for each lab."""

    name: str

    def describe(self) -> str:
        """One phrase for a report: the engine and its version."""
        ...

    def target(self) -> Target:
        """What subjects are resolved for on this engine."""
        ...

    def build(self, release: Release, say: Callable[[str], None]) -> str:
        """Build a release for this engine, unless its cache has it; returns its key for `site`."""
        ...

    def resolve_image(self, asked: str) -> Release:
        """What the image that `image:NAME` names holds. Raises UsageError if the engine has no images, LabError."""
        ...

    def prepare(self, database: str, say: Callable[[str], None]) -> None:
        """Prepare what a lab needs for this database (one of DATABASES). Raises LabError if that is impossible."""
        ...

    def check_clock(self, key: str) -> None:
        """Raises: LabError, with the reason, if what was built under a key cannot live on a movable clock."""
        ...

    def warm(self, key: str, run: str, clock: str) -> None:
        """Make ready to fork, for the labs of a run on this clock, what was built under a key; does not wait for it."""
        ...

    def close(self) -> None:
        """End what `warm` started."""
        ...

    def site(self, setup: SiteSetup) -> Site:
        """A new site for a lab."""
        ...


def role_of(node: str) -> str:
    """The role of a node by its name: `deployer`, `worker`, and `server` for every other node."""
    role = node.partition("-")[0]
    return role if role in ROLES else SERVER


def save_log(folder: Path, name: str, text: str) -> None:
    """Write a node's log under `folder`, with secrets masked."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.log").write_text(redact(text), encoding="utf-8")


def clock_read(done: CommandResult, name: str) -> float:
    """The seconds that a command printed which was asked for a node's clock. Raises: LabError for anything else."""
    try:
        return float(done.output.split()[-1])
    except (IndexError, ValueError):
        said = done.output.strip()[-300:] or "nothing"
        raise LabError(f"asked for its clock, {name} said: {said}", source=name, log=done.output[-4000:]) from None


def database_of(nodes: Iterable[N]) -> N:
    """The database server among the nodes of a site. Raises: LabError where there is none."""
    for node in nodes:
        if node.name == DATABASE:
            return node
    raise LabError("the lab has no database server: its server keeps its data in a file", source=SERVER)
