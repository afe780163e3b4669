"""What a history holds: one record a line, a union that `kind` tells apart (docs/architecture.md: when each comes).

What was done to parts of the lab is in part_events.py. kinds.py has all of them together.

A field without a default is required. A field with a default came with a later schema of histories, or is left out
where there is nothing to say. Unknown fields are ignored. Times are text: ISO 8601 (`harness.history.moment`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from harness.words.facts import Answer, ClockMove, Deployment, Execution, FlowRun, RunChange, RunState, UnlistedRun
from harness.words.names import REAL, SURVIVAL
from harness.words.proof import Proof

HISTORY_SCHEMA = 8  # of a history; its first event names it. It is raised when the same lines would mean another thing.

Side: TypeAlias = Literal["treated", "twin"]
When: TypeAlias = Literal["before the door", "as the door was answered", "after the door", "after the drain"]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=True):
    """One line of a history; `at` is by the lab's clock, UTC."""

    at: str = ""

    @property
    def kind(self) -> str:
        """What kind of event it is, as the line says."""
        return str(self.__struct_config__.tag)


class Opening(Event, frozen=True, kw_only=True, tag="trial"):
    """What is to be tried: the first event.

    state    the state name that is at risk, and `minimum`: how many runs of each side have to be
    ticks    how many runs each deployment schedules, and `interval`: seconds between two
    fault    the name of the fault that makes the backlog, and `texts`: the sentences of the report (stage, lift, door)
    clock    the lab's, one of CLOCKS; `stand_in`: no flow is run; `sample`: runs of a side that are executed, 0: all
    reach    `server`: the door hits the twin, too; `control`: the trial that is then held against it
    cell     the whole plan of the trial (words/plan.py), None before schema 3; `run`: its run's id, empty in older ones
    """

    state: str
    minimum: int
    schema: int = 1
    scenario: str | None = None
    door: str | None = None
    engine: str | None = None
    database: str | None = None
    start: str | None = None
    clock: str = REAL
    stand_in: bool = False
    sample: int = 0
    ticks: int | None = None
    interval: int | float | None = None
    fault: str | None = None
    judged_by: str = SURVIVAL
    reach: str = ""
    control: str = ""
    texts: dict[str, str] = {}
    cell: Any = None
    run: str = ""


class Version(Event, frozen=True, kw_only=True, tag="version"):
    """The version that a part of the lab said it is."""

    role: str
    said: str


class PrefectVersion(Event, frozen=True, kw_only=True, tag="prefect-version"):
    """What `prefect version` printed where the door is opened."""

    output: str = ""


class Phase(Event, frozen=True, kw_only=True, tag="phase"):
    """A phase was entered."""

    phase: str


class Command(Event, frozen=True, kw_only=True, tag="command"):
    """A command that staged something, and how it ended."""

    command: str = ""
    names: Sequence[str] = ()
    exit_code: int | None = None
    seconds: float | None = None
    output: str = ""


class SteadyState(Event, frozen=True, kw_only=True, tag="steady-state"):
    """The probe run that completed; `pool` is its work pool, None where a process serves the deployments."""

    pool: str | None = None
    run: FlowRun | None = None


class Act(Event, frozen=True, kw_only=True, tag="act"):
    """What the harness did beside faults and doors: to which `run`, and `text` of a file, `body` of a request."""

    what: str
    run: FlowRun | None = None
    text: str | None = None
    body: Any = None


class Fault(Event, frozen=True, kw_only=True, tag="fault"):
    """What was hurt; `fault`: by which fault (harness/faults)."""

    what: str
    fault: str | None = None


class Lifted(Event, frozen=True, kw_only=True, tag="lifted"):
    """The fault was lifted; `fault`: which one."""

    what: str = ""
    fault: str | None = None


class Listing(Event, frozen=True, kw_only=True, tag="listing"):
    """Every run of treated and twin, and the ids of those that were listed by id, and by deployment (from schema 3)."""

    when: When
    runs: list[FlowRun]
    by_id: list[str] | None = None
    by_deployment: list[str] | None = None


class Clock(Event, frozen=True, kw_only=True, tag="clock"):
    """The server's clock (`server`), and this host's monotonic seconds before it was asked and after it answered."""

    when: When
    server: str
    asked: float
    answered: float


class ClockMoved(Event, frozen=True, kw_only=True, tag="clock-moved"):
    """The clock of the lab was moved (from schema 7). `calm`: whether nothing was under way (trials/moving.py)."""

    move: ClockMove
    calm: bool | None = None


class DeploymentRead(Event, frozen=True, kw_only=True, tag="deployment"):
    """Treated or twin as the server had it; `when` is None as it was staged.

    when  `before` and `after` the door, `between` two of its steps, `drained`: after the drain
    """

    side: Side
    deployment: Deployment
    when: Literal["before", "between", "after", "drained"] | None = None


class DoorOpens(Event, frozen=True, kw_only=True, tag="door-opens"):
    """A door is about to be opened: its nonce, and what has to prove it (from schema 6).

    shows  schemas 3 to 5: whether the trial was to ask the living server for the door's effect
    """

    door: str
    nonce: str
    proof: Proof | str | None = None
    shows: Any = None


class EffectSeen(Event, frozen=True, kw_only=True, tag="effect"):
    """Schemas 3 to 5: whether the living server showed what the door was to do."""

    shown: bool


class DoorClosed(Event, frozen=True, kw_only=True, tag="door"):
    """How a door ended. `answered_at`: when, by the server's clock; `server_log`: the server's log meanwhile.

    proof, requests  up to schema 5: by what it was to be proven
    """

    door: str
    nonce: str
    exit_code: int | None = None
    output: str = ""
    seconds: float | None = None
    answered_at: str | None = None
    server_log: Sequence[str] = ()
    proof: str | None = None
    requests: Sequence[str] = ()


class BystandersSeen(Event, frozen=True, kw_only=True, tag="bystanders"):
    """What became of the runs of the lab's other trials while the door was open.

    watched   how many there were
    unlisted  those that no listing has any more, `changed` those that are not as they were (from schema 5)
    hidden    those that were there by their id before the door, and in no listing
    control   look-ups of a run of the twin, before and after those
    """

    watched: int
    unlisted: list[UnlistedRun]
    control: list[Answer]
    changed: list[RunChange] | None = None
    hidden: list[FlowRun] = []


class TakenByAnother(Event, frozen=True, kw_only=True, tag="unlisted"):
    """A run of this trial is in no listing any more since another trial's door was open."""

    run: str
    door: str
    scenario: str
    answers: list[Answer]


class ChangedByAnother(Event, frozen=True, kw_only=True, tag="changed"):
    """A run of this trial is not as it was before another trial's door was open."""

    run: str
    door: str
    scenario: str
    was: FlowRun
    now: FlowRun
    states: list[str] | None = None


class Look(Event, frozen=True, kw_only=True, tag="look"):
    """The look-ups by id of every run that was listed before the door."""

    when: When
    answers: list[Answer]


class States(Event, frozen=True, kw_only=True, tag="states"):
    """A run's own state history."""

    when: When
    run: str
    states: list[RunState]
    side: str | None = None


class Executions(Event, frozen=True, kw_only=True, tag="executions"):
    """Each execution of the trial's runs that a flow has marked so far."""

    when: When
    executions: list[Execution]


class Drained(Event, frozen=True, kw_only=True, tag="drained"):
    """How the drain ended: with so many runs `holding` a slot; `sampled`: as the sample had ended, whatever is left."""

    ended: str
    holding: int = 0
    restarts: int = 0
    sampled: bool = False


class WorkerRestarted(Event, frozen=True, kw_only=True, tag="worker-restarted"):
    """A worker had ended by itself in the drain, or was killed, and was started again; the end of its log."""

    text: str = ""
    log: str = ""


class NotForked(Event, frozen=True, kw_only=True, tag="not-forked"):
    """Why the lab's processes were started anew though they were to be forked."""

    reason: str = ""


class Note(Event, frozen=True, kw_only=True, tag="note"):
    """What was waited for in vain, and other things that explain a verdict."""

    text: str


class Broken(Event, frozen=True, kw_only=True, tag="error"):
    """What broke: the phase, the part it came from, and its log's end. `inconclusive`: but the lab is whole."""

    phase: str
    reason: str
    source: str = ""
    log: str = ""
    inconclusive: bool = False


class Unreadable(Event, frozen=True, kw_only=True, tag="unreadable"):
    """A line that is none of the above; `problem` says why. It is never written."""

    problem: str
