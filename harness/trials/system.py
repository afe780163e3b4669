"""What a fault may do to the system of a staging (harness/faults/_fault.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.lab.restarts import await_server
from harness.trials.moving import move_clock
from harness.trials.parts import NodePart

if TYPE_CHECKING:
    from harness.trials.staging import Staging


@dataclass(frozen=True)
class StagedSystem:
    """The workers, served processes, work pools and flows of a staging. All that is done is in its histories."""

    _staging: Staging

    @property
    def pools(self) -> Sequence[str]:
        # A door may have deleted one meanwhile.  # rule: fault-lifted-from-what-is-there
        return [pool for pool in self._staging.pools if self._staging.lab.api.has_work_pool(pool)]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        self._staging.record("act", what=f"{method} {path}", body=body)
        return self._staging.lab.api.call(method, path, body)

    def start_worker(self) -> None:
        self._staging.start_workers()

    def kill_worker(self) -> None:
        self._staging.record("act", what="kill the worker (SIGKILL)")
        for worker in self._staging.workers():  # rule: own-pool-fault (first alone)
            worker.kill()

    def _parts(self) -> list[NodePart]:
        return [NodePart(worker, "worker", self._staging.record) for worker in self._staging.workers()]

    def freeze_worker(self) -> None:
        for worker in self._parts():
            worker.freeze()

    def thaw_worker(self) -> None:
        for worker in self._parts():
            worker.thaw()

    def cut_worker_off(self) -> None:
        for worker in self._parts():
            worker.cut_off()

    def connect_worker(self) -> None:
        for worker in self._parts():
            worker.connect()

    def kill_server(self) -> None:
        lab = self._staging.lab
        server = NodePart(lab.server, "server", self._staging.record, _started=partial(await_server, lab))
        server.kill()
        server.start()

    def serve_again(self) -> None:
        """What a stopped process left Running, its next start does not take up; it is cancelled, as a person would."""
        for name, deployment_id in self._staging.deployed.items():
            node = self._staging.lab.worker(self._staging.scenario, name)
            if node.running():
                continue
            self._staging.cancel_left_behind(deployment_id)
            self._staging.record("act", what=f"serve {name} again")
            node.start()

    def move_clock(self, by: timedelta, *, calm: bool = True) -> None:
        move_clock(self._staging, self._staging.lab.clock.now() + by, calm=calm)

    def hold_runs(self) -> None:
        self._staging.put_beside_flow("hold", "")

    def give_signal(self) -> None:
        self._staging.put_beside_flow("signal", "")
