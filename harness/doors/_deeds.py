"""Doors that do something to a part of the lab: to the worker that serves the treated deployment alone, for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from harness.doors._door import SERVER, WORKER, CommandResult, Door, Part, Treated
from harness.words.proof import DEEDS, Deed, Of, Proof, What

Step: TypeAlias = "str | float"  # what is done to the part, or how many seconds pass

GRACE = 20.0  # seconds between SIGINT and SIGKILL
# How long a part is frozen, or cut off: several polls of a worker (2 s), and more than a run waits for its slot (5 s).
AWHILE = 15.0
# A run whose process was killed keeps its slot until its lease ends. A flow renews that to 300 s as it begins, whatever
# the server is set to (read in Prefect's flow_engine.py, 3.9.1). Before 3.4.11 there are no leases, and it keeps it.
LEASE_SECONDS = 330.0

_DONE: Mapping[str, What] = {
    "kill": "killed", "stop": "stopped", "start": "started", "freeze": "frozen", "thaw": "thawed",
    "cut off": "cut off", "connect": "connected",
}  # fmt: skip


def on_worker(*steps: Step, engines: Sequence[str] = ()) -> Door:
    """A door that does these things to the worker, one after the other."""
    open_ = in_turn(lambda treated: treated.worker, *steps)
    ends = LEASE_SECONDS if {"kill", "stop"} & set(steps) else 0.0
    proof = by_deeds("worker", *steps)
    return Door(open_, proof, own_pool=True, needs=WORKER, engines=engines, settles_after=ends)


def in_turn(part_of: Callable[[Treated], Part], *steps: Step) -> Callable[[Treated, str], CommandResult]:
    """What opens a door by steps that are done to one part of the lab."""

    def open_(treated: Treated, _nonce: str) -> CommandResult:
        part, started = part_of(treated), treated.clock.monotonic()
        for step in steps:
            if isinstance(step, float):
                treated.clock.sleep(step)
            else:
                _do(part, step)
        said = f"{', '.join(map(str, steps))}\n{part.log()[-2000:]}"
        return CommandResult(0, said, treated.clock.monotonic() - started)

    return open_


def _do(part: Part, step: str) -> None:
    deeds = {
        "kill": part.kill, "stop": lambda: part.stop(GRACE), "start": part.start, "freeze": part.freeze,
        "thaw": part.thaw, "cut off": part.cut_off, "connect": part.connect,
    }  # fmt: skip
    deeds[step]()


def by_deeds(of: Of, *steps: Step) -> Proof:
    """Proven by how the engine saw the part before and after each of these steps."""
    return Proof(DEEDS, deeds=[Deed(_DONE[step], of) for step in steps if isinstance(step, str)])


def on_server(*steps: Step) -> Door:
    """A door that does these things to the server, one after the other. The control is a lab where nothing is done."""
    open_ = in_turn(lambda treated: treated.server, *steps)
    return Door(open_, by_deeds("server", *steps), reach=SERVER, control="none")
