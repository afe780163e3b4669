"""A Prefect in memory: its deployments, runs, scheduler and workers, and faults to plant in them.

Nothing happens by itself: each request and each command first lets the world catch up with its clock (the scheduler
makes the runs of coming ticks, overdue ones turn Late, a living worker runs what may run), then is answered.
By default it behaves as a fixed Prefect does, and keeps what is overdue; a fault is an action for an event.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from harness.history import moment
from harness.words.clock import MovableClock
from tests.fakes.clock import Clock

Json = Any
LATE_AFTER, SLOT_WAIT, RETRY_DELAY = timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=15)
HOLDS_A_SLOT = ("PENDING", "RUNNING")
UPDATE_BEGINS, UPDATED, LIFTED, KILLED, DELETED = "update begins", "updated", "lifted", "killed", "deleted"


@dataclass
class Run:
    """A flow run, and how it is going to behave."""

    deployment: Deployment
    expected: datetime
    auto_scheduled: bool
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    name: str = ""
    work_pool_name: str = ""
    work_queue_name: str = "default"
    flow: str = ""
    parameters: Json = field(default_factory=dict)
    job_variables: Json = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    idempotency_key: str = ""
    schedule: str = ""  # the id of the schedule that it is of; empty: the deployment's first
    created: datetime | None = None
    states: list[dict[str, str]] = field(default_factory=list)
    next_start: datetime | None = None
    start_time: datetime | None = None
    never_picked_up: bool = False
    never_ends: bool = False
    fails: bool = False
    tries: int = 0

    @property
    def state_type(self) -> str:
        return self.states[-1]["type"]

    @property
    def state_name(self) -> str:
        return self.states[-1]["name"]

    @property
    def ended(self) -> bool:
        return self.state_type in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass
class Deployment:
    """A deployment, its schedule as the ticks that are to be, and whether its flow waits for the signal."""

    flow: str
    name: str
    pool: str
    updated: datetime
    queue: str = "default"
    family: str = ""  # what faults are planted by: the flow, and of every treated one the same
    description: str = ""
    concurrency_limit: int | None = None
    concurrency_options: dict[str, Any] | None = None
    limit: int = 0  # of the process that serves it
    every: float = 0  # seconds of an interval, which never ends; its anchor is `since`
    since: datetime | None = None
    rrule: str = ""
    slug: str | None = None
    waits: bool = False
    starts_held: bool = False  # whether its process waits for the signal before its flow begins
    retries: bool = False  # and its first try fails, once the files beside its flow say that all have begun
    paused: bool = False
    active: bool = True
    parameters: Json = field(default_factory=dict)
    others: list[Json] = field(default_factory=list)  # schedules beside the first
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    schedule_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def __post_init__(self) -> None:
        self.family = self.family or self.flow

    @property
    def schedules_runs(self) -> bool:
        """Whether its schedule is one that makes runs."""
        return self.active and not self.paused

    def ticks(self, now: datetime) -> list[datetime]:
        """The times of the first schedule: an RRULE that is finite and pinned, or the next ten of an interval."""
        if self.every:
            assert self.since
            return _next_ten(self.every, self.since, now)
        found = re.search(r"DTSTART:(\w+)\s+RRULE:FREQ=(?:SECONDLY|DAILY);INTERVAL=(\d+);COUNT=(\d+)", self.rrule)
        if not found:
            return []
        first = datetime.strptime(found[1] + "+0000", "%Y%m%dT%H%M%S%z")
        return [first + timedelta(seconds=int(found[2]) * number) for number in range(int(found[3]))]


def _ticks_of_others(deployment: Deployment, now: datetime) -> dict[str, list[datetime]]:
    """The next ten times of each other schedule that is an interval with an anchor, by its id."""
    rules = {each["id"]: each["schedule"] for each in deployment.others if each["schedule"].get("anchor_date")}
    return {name: _next_ten(rule["interval"], moment(rule["anchor_date"]), now) for name, rule in rules.items()}


def _next_ten(every: float, since: datetime, now: datetime) -> list[datetime]:
    step = timedelta(seconds=every)
    passed = (now - since) // step
    return [since + number * step for number in range(passed + 1, passed + 11)]


@dataclass
class Refusal:
    """Requests that are answered with `status` and `body` instead: this many are `left`."""

    pattern: re.Pattern[str]
    status: int
    body: Json
    left: float


@dataclass
class Counted:
    """What is done when the last of the requests `left` comes."""

    pattern: re.Pattern[str]
    left: int
    action: Callable[[], None]


class Unanswered(Exception):  # noqa: N818 - what a dead server does, not an error of ours
    """The connection closes with no answer."""


class FakePrefect:
    """The server's whole state. `lock` is held while anything looks at it or changes it."""

    def __init__(self, clock: Clock, version: str) -> None:
        self.clock, self.version = MovableClock(clock), version
        self.lock = threading.RLock()
        self.alive = True
        self.updating: Deployment | None = None  # the one that was updated last
        self.deployments: dict[str, Deployment] = {}
        self.runs: dict[str, Run] = {}
        self.workers: dict[str, Callable[[], bool]] = {}  # pool: whether its worker lives
        self.pools: dict[str, dict[str, Json]] = {}  # what was said of a pool, or of `pool/queue`; None: it is deleted
        self.limits: dict[str, int] = {}  # pool: how many runs it, its queue or its worker lets through at a time
        self.prefetches: dict[str, int] = {}  # pool: how many seconds ahead of its time its worker asks for a run
        self.asking = timedelta(0)  # how long that takes
        self.asks_once = False  # whether a worker asks for a run once in its life
        self.asked: set[str] = set()  # the runs that are not asked for again
        self.signals: dict[str, Callable[[], bool]] = {}  # pool: whether the signal lies beside the flow
        self.all_begun: dict[str, Callable[[], bool]] = {}  # pool: whether it lies there that each first try has begun
        self.begin_apart = timedelta(0)  # how much later each run begins than the one that was made before it
        self.schedules_runs = True
        self.marks_late = True
        self.late_later: dict[str, timedelta] = {}  # by family, how much later its runs are called Late
        self.says_updated = True
        self.leaves_orphans = False  # whether a deleted deployment leaves runs behind, as from 3.3.4 on
        self.triggers = False  # whether automations are looked after
        self.automations: list[Json] = []
        self.events: list[Json] = []
        self.events_missed = 0  # how many of them come before the server knows an automation
        self.says_executed = True
        self.executions: list[tuple[str, dict[str, Any]]] = []  # of which pool, and the mark
        self.starts_no_process = False  # a run is Pending, and its process does not come up
        self.leaves_marks = True
        self.hidden: set[str] = set()  # the runs that no listing has
        self.run_seconds = 0.0
        self.on_new_run: Callable[[Run], None] = lambda run: None
        self.log: list[str] = []
        self._actions: dict[tuple[str, str], list[Callable[[], None]]] = {}
        self._refusals: list[Refusal] = []
        self._counted: list[Counted] = []
        self._polled = clock.now()
        self._date: datetime | None = None
        self._date_until: datetime | None = None

    # Faults.

    def on(self, subject: str, event: str, action: Callable[[], None]) -> None:
        """Do this when the event happens to a family of deployments (`worker-outage-treated`) or a pool."""
        self._actions.setdefault((subject, event), []).append(action)

    def happens(self, subject: str, event: str) -> None:
        """Do what was planted for an event."""
        with self.lock:
            for action in self._actions.get((subject, event), []):
                action()

    def refuse(self, pattern: str, status: int, body: Json, times: float = float("inf")) -> None:
        """Answer requests whose `METHOD /path` matches with a status and body; status 0 is no answer at all."""
        self._refusals.append(Refusal(re.compile(pattern), status, body, times))

    @property
    def refusals_left(self) -> float:
        """How many requests are still to be refused."""
        return sum(refusal.left for refusal in self._refusals)

    def on_request(self, pattern: str, number: int, action: Callable[[], None]) -> None:
        """Do this just before the n-th request from now on whose `METHOD /path` matches is answered."""
        self._counted.append(Counted(re.compile(pattern), number, action))

    # What the server, its scheduler and its workers do.

    def is_deleted(self, pool: str, *queue: str) -> bool:
        """Whether a pool was deleted, or that queue of it."""
        return any(self.pools.get(name, {}).get("deleted") for name in (pool, "/".join([pool, *queue])))

    def delete_pool(self, pool: str, *queue: str) -> None:
        """Delete a pool, or one queue of it: what was in it is in none."""
        self.pools.setdefault("/".join([pool, *queue]), {})["deleted"] = True
        for each in self.deployments.values():
            if each.pool == pool and queue[1:] in ((), (each.queue,)):
                each.pool = ""
        for run in self.runs.values():
            if run.work_pool_name == pool and queue[1:] in ((), (run.work_queue_name,)):
                run.work_pool_name = ""

    def find(self, flow: str, name: str) -> Deployment | None:
        """The deployment of that flow and name."""
        return next((d for d in self.deployments.values() if (d.flow, d.name) == (flow, name)), None)

    def says(self, method: str, path: str, status: int) -> None:
        """A line in the access log."""
        self.log.append(f'INFO:     127.0.0.1:1 - "{method} /api{path} HTTP/1.1" {status}')

    def deploy(self, deployment: Deployment) -> Deployment:
        """Create the deployment, or update the one there is; upcoming runs are made anew, as all releases do."""
        there = self.find(deployment.flow, deployment.name)
        if there is None:
            self.deployments[deployment.id] = deployment
            self.happens(deployment.family, "created")
            self.advance()
            return deployment
        for name in (
            "description",
            "pool",
            "queue",
            "parameters",
            "concurrency_limit",
            "concurrency_options",
            "rrule",
            "every",
            "since",
            "slug",
            "waits",
            "starts_held",
            "retries",
            "schedule_id",
            "updated",
        ):
            setattr(there, name, getattr(deployment, name))
        self.update(there)
        return there

    def update(self, deployment: Deployment) -> None:
        """What any update of a deployment brings with it: upcoming runs are made anew."""
        now = deployment.updated = self.clock.now()
        self.updating = deployment
        for run in [run for run in self.runs.values() if run.deployment is deployment]:
            if run.auto_scheduled and run.state_name == "Scheduled" and run.expected > now:
                del self.runs[run.id]
        self.happens(deployment.family, UPDATED)
        self.advance()

    def add_run(
        self, deployment: Deployment, expected: datetime, *, auto_scheduled: bool, run_id: str = "", schedule: str = ""
    ) -> Run:
        """A new run in the state Scheduled; `schedule`: the id of another schedule than the first that it is of."""
        run = Run(deployment, expected, auto_scheduled, name=f"run-{len(self.runs)}", next_start=expected)
        run.id = run_id or run.id
        run.work_pool_name, run.work_queue_name, run.flow = deployment.pool, deployment.queue, deployment.flow
        run.parameters = dict(deployment.parameters)
        run.created, run.schedule = self.clock.now(), schedule
        if auto_scheduled:
            of = schedule or deployment.schedule_id
            run.idempotency_key = f"scheduled {deployment.id} {of} {stamp(expected)}"
        self.runs[run.id] = run
        self.set_state(run, "SCHEDULED", "Scheduled")
        self.on_new_run(run)
        return run

    def set_state(self, run: Run, state_type: str, state_name: str) -> None:
        """A new state of a run, as of now."""
        now = self.clock.now()
        run.states.append({"id": str(uuid.uuid4()), "type": state_type, "name": state_name, "timestamp": stamp(now)})
        if state_type == "RUNNING":
            run.start_time = now
            run.tries += 1
        if state_type != "SCHEDULED":
            run.next_start = None

    def execute(self, run: Run, **received: Json) -> None:
        """The run's flow begins, and leaves its mark of that."""
        began = stamp(self.clock.now())
        mark = {"run": run.id, "process": 1 + len(self.executions), "began": began}
        if self.leaves_marks:
            self.executions.append(
                (run.work_pool_name, {**mark, "parameters": {"note": "", **run.parameters, **received}})
            )

    def process_of(self, pid: int) -> Run | None:
        """The run whose process this is, while that lives: until the run has ended."""
        found = [mark["run"] for _, mark in self.executions if mark["process"] == pid]
        run = self.runs.get(found[-1]) if found else None
        return run if run and not run.ended else None

    def end_execution(self, run: Run) -> None:
        """The run's flow ends, and leaves its mark of that."""
        for pool, mark in [each for each in self.executions if each[1]["run"] == run.id][-1:]:
            self.executions.append((pool, {**mark, "ended": stamp(self.clock.now())}))

    def runs_of(self, family: str) -> list[Run]:
        """The runs of a flow, or of all treated deployments of a scenario, oldest tick first."""
        found = [run for run in self.runs.values() if run.deployment.family == family]
        return sorted(found, key=lambda run: run.expected)

    def die(self) -> None:
        """The server's process ends."""
        self.alive = False
        self.log.append("Killed")

    def stop_date(self) -> None:
        """The server is frozen: its answers show this time until it has run on for a moment (uvicorn)."""
        self._date, self._date_until = self.clock.now(), None

    def date_goes_on(self) -> None:
        """The server runs on."""
        self._date_until = self.clock.now() + timedelta(seconds=0.9)

    def date(self) -> datetime:
        """The Date of an answer."""
        stands = self._date and (self._date_until is None or self.clock.now() < self._date_until)
        return self._date if self._date and stands else self.clock.now()

    def waiting(self, pool: str) -> list[str]:
        """The runs of a pool whose processes wait for their signal before their flow begins."""
        there = [run for run in self.runs.values() if run.work_pool_name == pool and run.state_type == "PENDING"]
        return [run.id for run in there if run.deployment.starts_held and not self.starts_no_process]

    def advance(self) -> None:
        """Catch up with the clock."""
        now = self.clock.now()
        for deployment in self.deployments.values():
            self._schedule(deployment, now)
        if now - self._polled >= timedelta(seconds=1):
            self._polled = now
            for deployment in self.deployments.values():
                if self._worker_lives(deployment.pool):  # its poll moves `updated` of all that it serves
                    deployment.updated = now
        runs = sorted(self.runs.values(), key=lambda run: run.expected)
        while any([self._step(run, now) for run in runs]):  # noqa: C419 - every run takes its step
            pass

    def _schedule(self, deployment: Deployment, now: datetime) -> None:
        if not (self.schedules_runs and deployment.schedules_runs):
            return
        for schedule, ticks in {"": deployment.ticks(now), **_ticks_of_others(deployment, now)}.items():
            own = [run for run in self.runs.values() if run.deployment is deployment and run.schedule == schedule]
            there = {run.expected for run in own}
            for tick in ticks:
                if tick > now and tick not in there:  # ticks past are never made
                    self.add_run(deployment, tick, auto_scheduled=True, schedule=schedule)

    def _worker_lives(self, pool: str) -> bool:
        return self.workers.get(pool, lambda: False)()

    def _step(self, run: Run, now: datetime) -> bool:
        """One step of a run, if it can take one."""
        if run.state_type == "RUNNING":
            started = run.start_time or now
            if run.never_ends or now < started + timedelta(seconds=self.run_seconds):
                return False
            if run.deployment.waits and not self.signals[run.work_pool_name or run.deployment.name]():
                return False
            fails_first = run.deployment.retries and run.tries == 1
            if fails_first and not self.all_begun[run.work_pool_name]():
                return False
            self.end_execution(run)
            if fails_first:
                self.set_state(run, "SCHEDULED", "AwaitingRetry")
                run.next_start = now + RETRY_DELAY
            else:
                self.set_state(run, *(("FAILED", "Failed") if run.fails else ("COMPLETED", "Completed")))
            return True
        if run.state_type == "PENDING" and now >= run.expected + self.begin_apart * [*self.runs].index(run.id):
            if run.deployment.starts_held and not self.signals[run.work_pool_name]():
                return False
            self.set_state(run, "RUNNING", "Running")
            self.execute(run)
            return True
        if run.state_type != "SCHEDULED":
            return False
        if self._is_asked_for(run, now) and self._is_let_through(run):
            return self._pick_up(run, now)
        late_after = LATE_AFTER + self.late_later.get(run.deployment.family, timedelta(0))
        if self.marks_late and run.state_name == "Scheduled" and now >= run.expected + late_after:
            self.set_state(run, "SCHEDULED", "Late")
            if self.asks_once and self._worker_lives(run.work_pool_name):
                self.asked.add(run.id)
            return True
        return False

    def _is_asked_for(self, run: Run, now: datetime) -> bool:
        """Whether a living worker has asked for a run by now."""
        if run.id in self.asked or run.never_picked_up or not self._worker_lives(run.work_pool_name):
            return False
        ahead = timedelta(seconds=self.prefetches.get(run.work_pool_name, 0))
        return now >= (run.next_start or run.expected) - ahead + self.asking

    def _is_let_through(self, run: Run) -> bool:
        """Whether the limit on the run's pool, if there is one, has room for it."""
        pool = run.work_pool_name
        running = sum(r.work_pool_name == pool and r.state_type in HOLDS_A_SLOT for r in self.runs.values())
        return pool not in self.limits or running < self.limits[pool]

    def _pick_up(self, run: Run, now: datetime) -> bool:
        limit = run.deployment.concurrency_limit
        there = [other for other in self.runs.values() if other.deployment is run.deployment]
        holders = [other for other in there if other.state_type in HOLDS_A_SLOT]
        if limit and len(holders) >= limit:
            self.set_state(run, "SCHEDULED", "AwaitingConcurrencySlot")
            run.next_start = now + SLOT_WAIT
            if self.asks_once:
                self.asked.add(run.id)
            return True
        self.set_state(run, "PENDING", "Pending")
        return True

    def admit(self, request: str) -> Refusal | None:
        """Let `METHOD /path` in, after what was planted for it: None, or what is answered in its place.

        Raises: Unanswered where nothing is.
        """
        self.clock.sleep(0.001)
        for planted in self._counted:
            if planted.pattern.search(request):
                planted.left -= 1
                if planted.left == 0:
                    planted.action()
        if not self.alive:
            raise Unanswered
        self.advance()
        for refusal in self._refusals:
            if refusal.left > 0 and refusal.pattern.search(request):
                refusal.left -= 1
                if not refusal.status:
                    raise Unanswered
                return refusal
        return None


def stamp(moment: datetime) -> str:
    """A time as Prefect writes it."""
    return moment.isoformat().replace("+00:00", "Z")
