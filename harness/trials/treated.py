"""What a door may touch of a trial (harness/doors/_door.py)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engines.base import CommandResult
from harness.lab.prefect_api import PrefectAPI
from harness.lab.restarts import await_its_clock, await_server, upgrade_server
from harness.trials.looks import read_deployment
from harness.trials.parts import NodePart, kill_processes, record_deed, running_in
from harness.trials.trial import TREATED
from harness.words.clock import Clock
from harness.words.errors import LabError
from harness.words.facts import PartSeen
from harness.words.names import UPGRADE
from harness.words.proof import Deed

if TYPE_CHECKING:
    from harness.trials.trial import Trial


@dataclass(frozen=True)
class TreatedDeployment:
    """The treated deployment of a trial: never its twin."""

    _trial: Trial

    @property
    def id(self) -> str:
        return str(self._trial.treated["id"])

    @property
    def name(self) -> str:
        return self._trial.name

    @property
    def flow(self) -> str:
        return self._trial.staging.flow_of(self.name)

    @property
    def pool(self) -> str:
        return self._trial.staging.pool_of(self.name)

    @property
    def api(self) -> PrefectAPI:
        return self._trial.lab.api

    @property
    def seconds(self) -> float:
        return self._trial.lab.deadlines.door

    @property
    def clock(self) -> Clock:
        return self._trial.lab.clock

    def read(self) -> dict[str, Any]:
        return dict(self.api.read_deployment(self.id))

    def schedules(self) -> list[dict[str, Any]]:
        if not (found := self.read().get("schedules")):
            raise LabError("the treated deployment has no schedule")
        return list(found)

    def write(self, **changed: str) -> None:
        staging = self._trial.staging
        self._trial.lab.deployer.write(staging.folder(), staging.files([self.name], **changed))

    def deploy(self, **changed: str) -> CommandResult:
        self.write(**changed)
        return self._trial.lab.deploy(self._trial.staging.scenario, [self.name])

    def prefect(self, *words: str) -> CommandResult:
        return self._trial.lab.prefect(self._trial.staging.scenario, *words)

    def run_python(self, script: Path) -> CommandResult:
        lab = self._trial.lab
        folder = self._trial.staging.folder()
        lab.deployer.write(folder, {script.name: script.read_bytes()})
        return lab.deployer.run_python(script.name, cwd=folder, seconds=self.seconds)

    def note_between(self) -> None:
        now = read_deployment(self._trial, TREATED)
        self._trial.history.add("deployment", side=TREATED, when="between", deployment=now)

    @property
    def worker(self) -> NodePart:
        node, staging = self._trial.lab.worker(self._trial.staging.scenario, self.name), self._trial.staging
        running = partial(running_in, staging, node)
        return NodePart(node, "worker", self._trial.history.add, running, staging.ended_with_process.update)

    @property
    def server(self) -> NodePart:
        lab = self._trial.lab
        started, thawed = partial(await_server, lab), partial(await_its_clock, lab)
        return NodePart(lab.server, "server", self._trial.history.add, _started=started, _thawed=thawed)

    @property
    def database(self) -> NodePart:
        return NodePart(self._trial.lab.site.database(), "database", self._trial.history.add, _started=self.read)

    def upgrade_server(self) -> None:
        record, node = self._trial.history.add, upgrade_server(self._trial.lab)
        record_deed(record, Deed("started", "upgrade"), node.name, (PartSeen(state="ended"), node.seen()))
        record("version", role=UPGRADE, said=self.api.version())

    def kill_flow_processes(self) -> CommandResult:
        started = self.clock.monotonic()
        killed = kill_processes(self._trial.staging, self.id, self._trial.history.add)
        if not killed:
            raise LabError("no flow run of the treated deployment has a living process", source="worker")
        return CommandResult(0, f"SIGKILL to {', '.join(killed)}", self.clock.monotonic() - started)

    def stop_process(self, grace: float) -> CommandResult:
        started = self.clock.monotonic()
        node = self._trial.lab.worker(self._trial.staging.scenario, self.name)
        before = len(node.log())
        ended = "it ended" if node.stop(grace=grace) else f"SIGKILL after {grace:.0f} s"
        return CommandResult(0, f"SIGINT; {ended}\n{node.log()[before:]}", self.clock.monotonic() - started)
