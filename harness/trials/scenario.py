"""What a scenario folder declares, and how the folders under scenarios/ are found and loaded."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from harness.faults import Fault, fault_named
from harness.words.errors import UsageError, no_such
from harness.words.names import PREFECT_DEPLOY, REAL, SURVIVAL, WARP
from harness.words.places import ROOT
from harness.words.proof import Effect
from harness.words.rooms import module_at
from harness.words.schedule_words import parse_limit, parse_schedules
from harness.words.schedules import Schedules

if TYPE_CHECKING:
    from harness.doors import Door
    from harness.trials.staging import Staging

SCENARIOS = ROOT / "scenarios"
COMMON = SCENARIOS / "_common"  # the files of every scenario whose own folder lacks them
PLACES = [SCENARIOS]  # where scenario folders are found
EVERY_DOOR = ("*",)  # that can be opened on its deployments


@dataclass(frozen=True)
class Scenario:
    """A stage with its flow and deployments, the state it puts at risk, and what kind of backlog that is.

    name            set from the folder, and from the variant where the folder declares several
    flows           what the flows' names in flow.py begin with: the folder's name
    summary         one line, for listings and reports
    state           the state *name* that is at risk (Prefect's words: `Late`, `AwaitingConcurrencySlot`), or its type,
                    in capitals, where releases name it otherwise (`PENDING`)
    ticks, interval how many runs each deployment schedules, and the seconds between two; 0: as its prefect.yaml says
    minimum         how many runs at risk a side must have for a verdict
    schedules       of each deployment, in words (words/schedule_words.py); none: the harness's own finite rule
    concurrency_limit  of each deployment, in words; empty: none
    holders         how many runs a side hold what the others wait for; they are Running before the door opens
    backlog         which kind of runs it puts at risk: what is known of them (harness/known) is known of it
    waits_in_process  the runs at risk wait in processes of their own, which live as the door is opened
    waits_at_start  and each of these processes has said so in a file beside its flow (harness/trials/templates.py)
    holders_together  the same, but counted over all of a work pool, where one limit is for all
    upcoming        the runs at risk are not due yet when the door is opened; then they are `alone`, too
    alone           its backlog passes by the clock, so it has a lab of its own and waits for no other scenario
    clock           `WARP` where it moves its lab's clock (trials/moving.py): its lab has such a clock whatever is asked
                    for, and it is `alone`. `REAL`: it is tried on the clock that is asked for
    by_name         tried only where it is named: it takes minutes, or its first door is known to break it on the newest
                    release; no command chooses it. What `gate` opens by itself is meant to be survived
    in_reproduce    whether a plain `reproduce` runs it: the report of #17764
    doors           the doors that a plain `matrix` opens on it, or EVERY_DOOR; the other commands open the first
    served_by       the script in its folder by which a process of its own serves each deployment (`flow.serve`); empty
                    where they are deployed to a work pool that one worker serves
    applies         the versions that can stage this at all, and why the others cannot
    stand_in        its runs are executed by scenarios/_common/stand_in.py, in place of Prefect's engine and the flow:
                    for backlogs of hundreds
    sample          of how many runs of each side, those due first, the drain waits for the execution; 0: of all
    worker_limit    flow runs the worker may run at a time; None is no limit
    prefetch_seconds  how far ahead of their time the worker submits runs; None is as harness/engines/settings.py says
    server_settings what its server is set to beside harness/engines/settings.py; then `alone`: they are of a whole lab
    judged_by       `survival`: the outcome is held to what is known; or the promise that is, if deleting the runs at
                    risk is by design (a checker with JUDGES, by its name)
    fault           what hurts the system before the backlog is deployed, by its name (harness/faults)
    is_rehearsed    its deployments are a person's own (trials/rehearsed.py), for doors that say so
    asks            what its door asks of the deployment beside what every door of that kind does
    stage           makes the backlog, for treated and twin alike; None: by their schedules alone (`deploy_backlog`)
    stage_text      what that comes to beside the fault, a sentence of the report; empty where nothing has to be added
    """

    summary: str
    state: str
    ticks: int
    interval: int
    minimum: int
    backlog: str
    fault: str
    stage: Callable[[Staging], None] | None = None
    stage_text: str = ""
    worker_limit: int | None = None
    prefetch_seconds: int | None = None
    schedules: Sequence[str] = ()
    concurrency_limit: str = ""
    holders: int = 0
    holders_together: int = 0
    waits_in_process: bool = False
    waits_at_start: bool = False
    upcoming: bool = False
    alone: bool = False
    clock: str = REAL
    server_settings: Mapping[str, str] = field(default_factory=dict)
    judged_by: str = SURVIVAL
    by_name: bool = False
    in_reproduce: bool = False
    doors: Sequence[str] = ("prefect-deploy", "pause-deployment", "delete-schedule", "none")
    served_by: str = ""
    stand_in: bool = False
    sample: int = 0
    is_rehearsed: bool = False
    asks: Sequence[Effect] = ()
    applies: str = ""
    applies_reason: str = ""
    name: str = ""
    flows: str = ""
    folder: Path = Path()

    @property
    def usual_door(self) -> str:
        """The door that is opened on it where none is named."""
        return PREFECT_DEPLOY if self.doors == EVERY_DOOR else self.doors[0]

    def sample_through(self, door: Door) -> int:
        """Its `sample`, where the order in which runs are due is the one in which their only worker takes them."""
        return 0 if self.concurrency_limit or door.own_pool else self.sample

    def with_schedules(self, schedules: Sequence[str], concurrency_limit: str) -> Scenario:
        """The same, staged with these in place of its own, where there are any."""
        own = schedules or self.schedules, concurrency_limit or self.concurrency_limit
        return replace(self, schedules=own[0], concurrency_limit=own[1])

    def pinned_ticks(self, first: datetime) -> list[datetime]:
        """The ticks of the harness's own rule that begins with this one."""
        return [first + number * timedelta(seconds=self.interval) for number in range(self.ticks)]

    def pinned_rule(self, first: datetime) -> str:
        """That rule: finite, in UTC."""
        of_it = f"INTERVAL={self.interval};COUNT={self.ticks}"
        return f"DTSTART:{first:%Y%m%dT%H%M%S}\nRRULE:FREQ=SECONDLY;{of_it}"

    @property
    def shapes(self) -> Schedules:
        """Its schedules. Raises: UsageError for words that name none."""
        return parse_schedules(self.schedules)

    @property
    def moves_clock(self) -> bool:
        """Whether its lab's clock has to be one that can be moved."""
        return self.clock == WARP

    @property
    def is_alone(self) -> bool:
        """Whether it has a lab of its own."""
        return self.alone or self.moves_clock

    @property
    def cause(self) -> Fault:
        """The fault that puts its runs at risk."""
        return fault_named(self.fault)

    @property
    def worker_lives(self) -> bool:
        """Whether a worker lives, or a process that serves each deployment, as a door is opened."""
        return not self.cause.stops_worker

    @property
    def has_processes(self) -> bool:
        """Whether each deployment has a flow run then whose process lives."""
        return self.holders > 0 or self.waits_in_process

    def file(self, name: str) -> Path:
        """A file of its folder, or the one of that name that scenarios have in common."""
        own = self.folder / name
        return own if own.exists() else COMMON / name

    def not_on(self, engine: str) -> str:
        """Why its fault cannot hurt a system on an engine; empty where it can."""
        wanted = self.cause.engines
        if wanted and engine not in wanted:  # rule: not-applicable-fault-engine (never)
            return f"the fault {self.fault} is for the engine {', '.join(wanted)}; this one is {engine}"
        return ""

    def applies_to(self, version: str) -> bool:
        """Whether this release can stage the scenario at all, from its version alone."""
        return Version(Version(version).base_version) in SpecifierSet(self.applies)


HUNDREDS_LATE = Scenario(  # for those that say how many, and how they come to be
    summary="A worker is gone until hundreds of runs are Late; the lab's clock is moved.",
    state="Late",
    ticks=0,
    interval=0,
    minimum=0,
    backlog="overdue",
    fault="worker-killed",
    clock=WARP,
    by_name=True,
    stand_in=True,
    sample=20,
    worker_limit=6,
    doors=("prefect-deploy", "none"),
)


@functools.cache
def load_scenarios() -> dict[str, Scenario]:
    """Every scenario in PLACES, by name, in alphabetical order; read once a process.

    Each folder's scenario.py sets `scenario`, or `variants`: scenarios by what tells them apart (`pool`), with the
    same flows. Raises UsageError where there is none, and where one names a fault that there is not.
    """
    found = {}
    for path in sorted(path for place in PLACES for path in place.glob("*/scenario.py")):
        name = path.parent.name
        module = module_at(path, f"scenarios.{name.replace('-', '_')}")
        variants: dict[str, Scenario] = getattr(module, "variants", None) or {"": module.scenario}
        for variant, declared in variants.items():
            full = f"{name}-{variant}" if variant else name
            of_fault = declared.cause.worker_limit  # rule: fault-limits-worker (gives None)
            limit = declared.worker_limit if of_fault is None else of_fault
            declared.shapes, parse_limit(declared.concurrency_limit)  # what it names must be there
            alone = declared.alone or declared.cause.alone  # rule: fault-wants-its-lab (without last)
            one = replace(declared, name=full, flows=name, folder=path.parent)
            found[full] = replace(one, worker_limit=limit, alone=alone)
    if not found:
        raise UsageError(
            f"There is no scenario under {SCENARIOS}: install the harness from its checkout (pip install -e .)."
        )
    return dict(sorted(found.items()))


def add_places(places: Sequence[Path]) -> None:
    """From now on, the scenario folders of these places are found, too."""
    PLACES.extend(places)
    load_scenarios.cache_clear()


@contextmanager
def scenarios_from(place: Path) -> Iterator[tuple[str, ...]]:
    """Have the scenario folders of one more place, too; gives their names."""
    add_places([place])
    try:
        yield tuple(name for name, one in load_scenarios().items() if one.folder.parent == place)
    finally:
        PLACES.remove(place)
        load_scenarios.cache_clear()


def select_scenarios(names: Sequence[str]) -> list[Scenario]:
    """The scenarios named; where none is, all but those that are tried by name alone.

    Raises: UsageError for a name that is not there.
    """
    everything = load_scenarios()
    for name in names:
        if name not in everything:
            raise no_such("scenario", name, everything)
    # rule: scenario-by-name-alone (always)
    chosen = dict.fromkeys(names) or [name for name, one in everything.items() if not one.by_name]
    return [everything[name] for name in chosen]
