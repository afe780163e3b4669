"""What a door is, and what it may touch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from harness.engines.base import CommandResult
from harness.words.clock import Clock
from harness.words.names import SERVER, UPGRADE
from harness.words.proof import Proof

if TYPE_CHECKING:
    from harness.lab.prefect_api import PrefectAPI

DEPLOYED, SERVED = "deployed to a work pool", "served by a process of their own"
WORKER, PROCESS = "a worker that lives", "a flow run whose process lives"
_MISSING = {WORKER: "no worker lives", PROCESS: "no flow run of its deployments has a process"}
REHEARSED = "rehearsed from a person's project"
Facts = dict[str, Any]


class Part(Protocol):
    """A part of the lab. What is done by it is in the history, with how the engine saw the part before and after."""

    def kill(self) -> None:
        """SIGKILL to it and to all that it started; returns once that is dead."""

    def stop(self, grace: float) -> None:
        """SIGINT to it, as Ctrl-C sends; SIGKILL where it has not ended in `grace` seconds."""

    def start(self) -> None:
        """Start it again after its end."""

    def freeze(self) -> None:
        """Let nothing of it run any more, and keep all of it (SIGSTOP; a container is paused)."""

    def thaw(self) -> None:
        """Let it run on."""

    def cut_off(self) -> None:
        """Take it off the lab's network. Only containers have one."""

    def connect(self) -> None:
        """Put it on the lab's network again."""

    def log(self) -> str:
        """What it has printed so far."""


class Treated(Protocol):
    """The treated deployment, and what a door may use to touch it: never the trial, nor its twin."""

    @property
    def id(self) -> str:
        """The deployment's id."""

    @property
    def name(self) -> str:
        """The deployment's name."""

    @property
    def flow(self) -> str:
        """The name of its flow."""

    @property
    def pool(self) -> str:
        """The name of the work pool that it was staged in; the twin shares it unless the door has `own_pool`."""

    @property
    def api(self) -> PrefectAPI:
        """The REST client of the lab's server."""

    @property
    def seconds(self) -> float:
        """How long a door may take."""

    @property
    def clock(self) -> Clock:
        """The lab's clock, for what a door waits for."""

    def read(self) -> Facts:
        """The deployment as the server has it now."""

    def schedules(self) -> list[Facts]:
        """Its schedules as the server has them now. Raises: LabError where it has none."""

    def write(self, **changed: str) -> None:
        """Write flow.py, and the prefect.yaml of this deployment, beside the deployer.

        `changed` is what differs from how it was staged, by the name of the template's value.
        """

    def deploy(self, **changed: str) -> CommandResult:
        """`write`, and the real `prefect deploy` of it."""

    def prefect(self, *words: str) -> CommandResult:
        """A command of Prefect's on the deployer, beside these files."""

    def run_python(self, script: Path) -> CommandResult:
        """A script, copied beside these files and run by the subject's own Python."""

    def note_between(self) -> None:
        """Record the deployment as it is between two steps of the door: what the next step changes is its own doing."""

    def stop_process(self, grace: float) -> CommandResult:
        """SIGINT to the process that serves the deployment, or to the worker of its own pool.

        SIGKILL where it has not ended in `grace` seconds.
        """

    @property
    def worker(self) -> Part:
        """The worker of the deployment's own pool, or the process that serves it."""

    @property
    def server(self) -> Part:
        """The lab's server, and the twin's: for doors whose `reach` is SERVER. `start` waits until it answers."""

    @property
    def database(self) -> Part:
        """PostgreSQL's server. `start` waits until the deployment can be read. Raises: LabError on SQLite."""

    def upgrade_server(self) -> None:
        """Start the release of the role `upgrade` on the database of the server, which has to be stopped before.

        Returns once it answers. Raises: LabError where it does not.
        """

    def kill_flow_processes(self) -> CommandResult:
        """SIGKILL to the process of each flow run of the deployment that has one, and to nothing else.

        Raises: LabError where no run of it has one.
        """


class Staged(Protocol):
    """What a door asks of a scenario."""

    @property
    def name(self) -> str:
        """The scenario's name."""

    @property
    def served_by(self) -> str:
        """The script that serves a deployment; empty where a worker does."""

    @property
    def worker_lives(self) -> bool:
        """Whether a worker lives, or a process that serves each deployment, as a door is opened."""

    @property
    def has_processes(self) -> bool:
        """Whether each deployment has a flow run then whose process lives."""

    @property
    def is_rehearsed(self) -> bool:
        """Whether its deployments are a person's own."""


@dataclass(frozen=True)
class Door:
    """What touches the treated deployment, and nothing else. Each file of this folder declares one, as `door`.

    open      touches it, and returns how that ended (an HTTP status of 2xx counts as exit code 0); the second argument
              is a nonce for what only this door could have sent
    proof     how it is known that it was opened: its exit code proves nothing
    family    whose known outcomes are its own, beside those that name it
    versions  the releases that have this door, and why the others have not
    staged    what its treated deployment has from the start that others have not, by the template's value
    only_for  the kind of deployment it can be opened on, DEPLOYED, SERVED or REHEARSED; empty: any
    own_pool  whether its treated deployment is in a work pool of its own, which a worker of its own serves: for what is
              done to a pool, a queue or a worker, and would be done to the twin, too
    server_settings what the server must be set to for it; then its trial has a lab of its own
    holds_back  the runs of its deployment stay where they are, as it means them to: the drain waits a shorter time
    settles_after  seconds that its runs may stand still in the drain and go on after all, because Prefect takes so long
    needs     what has to be there for it, WORKER or PROCESS; empty: nothing but the deployment
    reach     SERVER where it hits the twin, too: then its trial has a lab of its own, and its verdict is absolute
              (docs/verdicts.md), beside a sister lab in which the door `control` is opened on the same scenario
    control   that door
    database  the database that it is for; empty: any
    engines   the engines that it can be opened on; empty: any
    by_name   opened only where a person or an experiment names it
    name      set from its file
    summary   set from its file: the first line of its docstring
    """

    open: Callable[[Treated, str], CommandResult]
    proof: Proof = field(default_factory=Proof)
    family: str = ""
    versions: str = ""
    versions_reason: str = ""
    staged: Mapping[str, str] = field(default_factory=dict)
    only_for: str = ""
    own_pool: bool = False
    server_settings: Mapping[str, str] = field(default_factory=dict)
    holds_back: bool = False
    settles_after: float = 0.0
    needs: str = ""
    reach: str = ""
    control: str = ""
    database: str = ""
    engines: Sequence[str] = ()
    by_name: bool = False
    name: str = ""
    summary: str = ""

    def exists_in(self, version: str) -> bool:
        """Whether a release has this door at all."""
        return Version(Version(version).base_version) in SpecifierSet(self.versions)

    @property
    def deployments(self) -> str:
        """The kind of deployment it can be opened on; empty: any. None that is served has a work pool."""
        return self.only_for or (DEPLOYED if self.own_pool else "")

    def misfit(self, scenario: Staged) -> str:
        """Why it cannot be opened on a scenario's deployments, whatever the release; empty where it can."""
        only_for = self.deployments
        kinds = {"", SERVED if scenario.served_by else DEPLOYED, REHEARSED if scenario.is_rehearsed else ""}
        if only_for not in kinds:  # rule: not-applicable-door (never)
            return f"{self.name} is for deployments that are {only_for}; {scenario.name}'s are not"
        there = {WORKER: scenario.worker_lives, PROCESS: scenario.has_processes}.get(self.needs, True)
        if not there:  # rule: not-applicable-needs (never)
            return f"{self.name} needs {self.needs}; in {scenario.name} {_MISSING[self.needs]} as a door is opened"
        return ""

    @property
    def upgrades(self) -> bool:
        """Whether it starts the release that the subject's role `upgrade` names."""
        return any(deed.of == UPGRADE for deed in self.proof.deeds)

    def not_on(self, engine: str, database: str) -> str:
        """Why it cannot be opened on an engine and a database; empty where it can."""
        if self.database not in ("", database):  # rule: not-applicable-database (never)
            return f"{self.name} is for the database {self.database}; this one is {database}"
        if self.engines and engine not in self.engines:  # rule: not-applicable-engine (never)
            return f"{self.name} is for the engine {', '.join(self.engines)}; this one is {engine}"
        return ""

    @property
    def is_of_deployments(self) -> bool:
        """Whether it touches a deployment, and neither a pool nor a part of the lab."""
        return not self.own_pool and not self.proof.deeds


def after(first: CommandResult, then: Callable[[], CommandResult]) -> CommandResult:
    """Two steps as one: the second is done only where the first came to 0."""
    if first.exit_code:
        return first
    second = then()
    return CommandResult(second.exit_code, f"{first.output}\n{second.output}", first.seconds + second.seconds)


__all__ = [
    "DEPLOYED",
    "PROCESS",
    "SERVED",
    "SERVER",
    "WORKER",
    "CommandResult",
    "Door",
    "Facts",
    "Part",
    "Treated",
    "after",
]
