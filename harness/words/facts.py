"""Prefect's things as a history keeps them: flow runs, their states and executions, deployments.

`harness/lab/facts.py` makes them of the server's answers. None means that the server named no such thing. Times are
text, as the server wrote them: ISO 8601 (`harness.history.moment` reads them).
"""

from __future__ import annotations

import sys
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec.structs import force_setattr


def in_state(state: str, name: str | None, type_: str | None) -> bool:
    """Whether a run whose state has this name and this type is in `state`: a name, or a type in capitals.

    Releases call the same by other names: what is PENDING is Pending on 3.3.4, and Submitting on 3.9.1. Several are
    joined by `or`: `Late or AwaitingConcurrencySlot`.
    """
    return any(one in (name, type_) for one in state.split(" or "))


Values: TypeAlias = dict[str, Any]  # parameters and the like: whatever a person's JSON holds


class FlowRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A flow run as the server had it (harness/lab/facts.py); `run` is its id. None: the server named no such thing.

    created        when the server made it
    schedule_id    the schedule that it is a tick of, by the server's word from 3.2.0 on
    state_message  why it ended otherwise than Completed, in Prefect's words
    """

    run: str
    side: str | None = None
    name: str | None = None
    flow_id: str | None = None
    deployment_id: str | None = None
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    parameters: Values | None = None
    job_variables: Values | None = None
    tags: list[str] | None = None
    idempotency_key: str | None = None
    created: str | None = None
    schedule_id: str | None = None
    expected_start_time: str | None = None
    next_scheduled_start_time: str | None = None
    start_time: str | None = None
    run_count: int | None = None
    auto_scheduled: bool | None = None
    state_type: str | None = None
    state_name: str | None = None
    state_id: str | None = None
    state_timestamp: str | None = None
    state_message: str | None = None

    def __post_init__(self) -> None:
        # A history names a run, its times and its states again and again: each text is kept once.
        for field in self.__struct_fields__:
            if type(value := getattr(self, field)) is str:
                force_setattr(self, field, sys.intern(value))

    def is_in(self, state: str) -> bool:
        """Whether it is in a state of this name; one in capitals is the type of several (`in_state`)."""
        return in_state(state, self.state_name, self.state_type)


class Answer(FlowRun, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a look-up of one run by its id: with status 200 the run, else what came in its place.

    status  of HTTP; None where no answer came, and `body` says why
    """

    status: int | None
    body: Any = None


class ClockReading(msgspec.Struct, frozen=True, kw_only=True):
    """What the clock of a part of the lab showed, between two moments of this host's monotonic clock (in seconds)."""

    part: str
    shows: str
    asked: float
    answered: float


class ClockMove(msgspec.Struct, frozen=True, kw_only=True):
    """The clock of the whole lab was moved ahead by `seconds`, from `was` to `now`.

    asked   this host's monotonic seconds as it was moved
    before  what the server's clock showed before that
    after   what each part's clock showed then: the server's, the database's, and that of every node that lived
    """

    was: str
    now: str
    seconds: int
    asked: float
    before: ClockReading
    after: list[ClockReading]


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    """One state of a flow run's own state history."""

    type: str
    name: str
    timestamp: str
    id: str | None = None


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a flow, by the mark that the flow left outside of Prefect (scenarios/_common/executions.py).

    parameters  that the flow received; None where none is executed (scenarios/_common/stand_in.py)
    ended       None while the flow has not ended
    """

    run: str
    process: int
    began: str
    parameters: Values | None
    ended: str | None = None

    @property
    def key(self) -> tuple[str, int, str]:
        """What tells one execution from another."""
        return self.run, self.process, self.began


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule of a deployment; `schedule` is its definition, as the server's JSON has it."""

    schedule: Values = {}
    id: str | None = None
    active: bool | None = True
    slug: str | None = None
    parameters: Values | None = None


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment as the server had it; one that is deleted has an id and `deleted` alone.

    defaults  those of its flow's parameters; None before schema 5
    limit     how many of its runs may be under way at once, wherever the server says so; None: any number
    updated   when the server last updated it
    pool_paused, pool_limit, queue_paused, queue_limit  of its work pool and its work queue; read for doors on these
              alone, else None
    """

    id: str
    name: str | None = None
    description: str | None = None
    updated: str | None = None
    paused: bool | None = None
    parameters: Values | None = None
    tags: list[str] | None = None
    job_variables: Values | None = None
    entrypoint: str | None = None
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    concurrency_limit: int | None = None
    limit: int | None = None
    concurrency_options: Values | None = None
    deleted: bool | None = None
    defaults: Values | None = None
    pool_paused: bool | None = None
    pool_limit: int | None = None
    queue_paused: bool | None = None
    queue_limit: int | None = None
    schedules: list[Schedule] = []

    def as_json(self) -> Values:
        """Its fields as plain values."""
        found: Values = msgspec.to_builtins(self)
        return found


class UnlistedRun(FlowRun, frozen=True, kw_only=True):
    """A run of another trial that no listing has any more after the door.

    answers  of the look-ups by its id
    opened   its own door had been opened before, which may be why it is gone
    """

    answers: list[Answer]
    opened: bool


class RunChange(msgspec.Struct, frozen=True, kw_only=True):
    """A run of another trial that is not as it was before the door.

    states  the ids of its states by now; None where it is in the state that it was in
    opened  as in UnlistedRun
    """

    was: FlowRun
    now: FlowRun
    states: list[str] | None = None
    opened: bool = False


class PartSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a lab (a worker, the server) or one process of it, as the engine or the kernel saw it.

    state      `running`; `frozen` (by SIGSTOP, or paused by the engine); `ended`
    pid        its process; in a container, of one process of it: as that container counts them
    began      when that process began, in the engine's words: another one has another time, even under the same id
    exit_code  of what ended: negative is the signal that ended it; a container's is 128 more than the signal
    networks   of a container: how many it is on
    """

    state: Literal["running", "frozen", "ended"]
    pid: int | None = None
    began: str | None = None
    exit_code: int | None = None
    networks: int | None = None
