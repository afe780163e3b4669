"""What is done to the parts of a lab: each deed, with how the engine saw the part before and after it, is recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.engines.base import Node
from harness.words.facts import PartSeen
from harness.words.names import ENDED
from harness.words.proof import Deed, Of, What
from harness.words.waiting import NotYet

if TYPE_CHECKING:
    from harness.trials.staging import Staging

Record = Callable[..., None]
_DEATH_SECONDS = 20


@dataclass(frozen=True)
class NodePart:
    """A part of a lab that is a node of its own. What is done to it goes to `record`.

    of       what it is, as a proof names it
    running  the ids of the flow runs that are executed in it now
    ended    is told which flow runs ended with it
    started  waits, once it was started again, until it does what it is for
    thawed   waits, once it runs on, until it is as it was
    """

    _node: Node
    _of: Of
    _record: Record
    _running: Callable[[], list[str]] = list
    _ended: Callable[[list[str]], None] = lambda _runs: None
    _started: Callable[[], object] = lambda: None
    _thawed: Callable[[], object] = lambda: None

    def kill(self) -> None:
        self._end("killed", self._node.kill)

    def stop(self, grace: float) -> None:
        self._end("stopped", lambda: self._node.stop(grace=grace))

    def start(self) -> None:
        self._do("started", self._node.start)
        self._started()

    def freeze(self) -> None:
        self._do("frozen", self._node.freeze)

    def thaw(self) -> None:
        self._do("thawed", self._node.thaw)
        self._thawed()

    def cut_off(self) -> None:
        self._do("cut off", self._node.cut_off)

    def connect(self) -> None:
        self._do("connected", self._node.connect)

    def log(self) -> str:
        return self._node.log()

    def _end(self, what: What, act: Callable[[], Any]) -> None:
        runs = self._running()
        self._do(what, act, runs=runs)
        self._ended(runs)

    def _do(self, what: What, act: Callable[[], Any], **more: Any) -> None:
        before = self._node.seen()
        act()
        record_deed(self._record, Deed(what, self._of), self._node.name, (before, self._node.seen()), **more)


def record_deed(record: Record, deed: Deed, node: str, seen: tuple[PartSeen, PartSeen], **more: Any) -> None:
    """Record what was done to a part, and how it was seen before and after."""
    before, after = seen
    record("part", what=deed.what, of=deed.of, node=node, before=before, after=after, **more)


def running_in(staging: Staging, node: Node) -> list[str]:
    """The ids of the runs whose process lives in a worker, or in the process that serves their deployment."""
    marks = [mark for each, marks in staging.marks_by_node() if each is node for mark in marks]
    processes = {mark["run"]: int(mark["process"]) for mark in marks}
    return [run for run, pid in processes.items() if node.process(pid).state != "ended"]


def kill_processes(staging: Staging, deployment_id: str, record: Record) -> list[str]:
    """SIGKILL to the process of each flow run of a deployment that lives and has one; returns what was killed.

    Which process a run has is known by the mark that its flow left as it began last.
    """
    runs = staging.lab.api.flow_runs(deployments=[deployment_id])
    living = {run["id"] for run in runs if run["state_type"] not in ENDED}
    killed = []
    for node, marks in staging.marks_by_node():
        for run, pid in {mark["run"]: int(mark["process"]) for mark in marks if mark["run"] in living}.items():
            before = node.process(pid)
            if before.state == "ended":
                continue
            node.kill_process(pid)
            after = staging.lab.wait_until(
                f"the death of process {pid}", partial(_ended, node, pid), seconds=_DEATH_SECONDS, source=node.name
            )
            staging.ended_with_process.add(run)
            record_deed(record, Deed("killed", "flow run"), node.name, (before, after), run=run, runs=[run])
            killed.append(f"process {pid} of run {run}")
    return killed


def _ended(node: Node, pid: int) -> PartSeen:
    seen = node.process(pid)
    if seen.state != "ended":
        raise NotYet(f"it is {seen.state}")
    return seen
