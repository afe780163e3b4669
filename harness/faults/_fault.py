"""What a fault is, and what it may touch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol


class System(Protocol):
    """What the runs of the twin and of every treated deployment depend on, all of which a fault hurts alike.

    All that is done by it is in the history of each trial.
    """

    @property
    def pools(self) -> Sequence[str]:
        """The names of the work pools that are there; none where each deployment is served by a process of its own."""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the server's API, `path` without /api; returns its answer. Raises: LabError unless it is 2xx."""

    def start_worker(self) -> None:
        """Start the worker of each pool again."""

    def kill_worker(self) -> None:
        """SIGKILL to the worker of each pool; returns once it is dead."""

    def freeze_worker(self) -> None:
        """Freeze the worker of each pool, with all that it started (SIGSTOP; a container is paused)."""

    def thaw_worker(self) -> None:
        """Let the worker of each pool run on."""

    def cut_worker_off(self) -> None:
        """Take the worker of each pool off the network. Only containers have one: such a fault says `engines`."""

    def connect_worker(self) -> None:
        """Put the worker of each pool on the network again."""

    def kill_server(self) -> None:
        """SIGKILL to the server, and start it again; returns once it answers. Such a fault is `alone`."""

    def serve_again(self) -> None:
        """Start each process again that served a deployment and has stopped; what it left Running is cancelled."""

    def move_clock(self, by: timedelta, *, calm: bool = True) -> None:
        """Move the clock of the whole lab ahead, and wait until all of it follows.

        Before, it waits until no run is Pending or Running and the coming runs are there, unless `calm` is False. The
        scenario has to say `clock=WARP`. Raises: LabError, DeadlineError (harness/trials/moving.py).
        """

    def hold_runs(self) -> None:
        """From now on each run that starts goes on until it is given its signal, as the flow in `_common` does."""

    def give_signal(self) -> None:
        """Give every run that waits for it its signal, and those that start later, too."""


def _nothing(_system: System) -> None:
    """Nothing has to be done."""


@dataclass(frozen=True)
class Fault:
    """What hurts the system of a scenario, and how that is lifted. Each file of this folder declares one, as `fault`.

    hurt     hurts it; called in the steady state, before anything is deployed that is at risk
    lift     takes that away, so that what was kept can run; called once the door is shut and every run was looked at
    stops_worker  no worker does anything between the two
    engines  the engines that it can hurt a system on; empty: any
    alone    it hurts what other scenarios of the lab would have, too: then its scenario has a lab of its own
    worker_limit  flow runs that a worker may run at a time, where that is what hurts; None leaves it to the scenario
    name     set from its file
    summary  set from its file: the first line of its docstring, a sentence of the report
    lifted   the first line of `lift`'s docstring, a sentence of the report
    """

    hurt: Callable[[System], None] = _nothing
    lift: Callable[[System], None] = _nothing
    worker_limit: int | None = None
    stops_worker: bool = False
    engines: Sequence[str] = ()
    alone: bool = False
    name: str = ""
    summary: str = ""
    lifted: str = ""

    @property
    def hurts(self) -> bool:
        """Whether it does anything at a moment of its own; else the runs wait for their time alone."""
        return self.hurt is not _nothing

    def told(self, name: str, docstring: str) -> Fault:
        """It with its name, and with the sentences that its file has for it."""
        return replace(self, name=name, summary=_first_line(docstring), lifted=_first_line(self.lift.__doc__ or ""))


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


__all__ = ["Fault", "System"]
