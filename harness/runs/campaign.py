"""Plans of chaos, one after the other in a lab that lives on; each door of each is judged from its own history."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness.chaos.plans import ChaosPlan
from harness.chaos.results import PlanResult
from harness.chaos.text import write_plan
from harness.engines.base import Engine, Site, SiteSetup
from harness.history import History
from harness.lab.lab import Deadlines, Lab
from harness.lab.moving import FIRST_MOVE, move_clock
from harness.runs.plan_result import Tried, judge_doors, plan_result, trial_name
from harness.store.campaigns import plan_file
from harness.trials.opening import open_history
from harness.trials.planned import SERVER_SETTINGS, carry_out, doors_of, scenario_of
from harness.verdict.outcomes import ERROR
from harness.words.clock import HOST_CLOCK, Clock, MovableClock
from harness.words.names import SERVER, WARP
from harness.words.plan import Cell, Plan


@dataclass(frozen=True)
class Ground:
    """What the plans of a campaign run on.

    subject, versions, as_of  the release that was asked for, what it is by role, and as of when it was resolved
    keys      by role: what the engine finds the subject's parts by
    """

    engine: Engine
    subject: str
    versions: Mapping[str, str]
    as_of: str
    keys: Mapping[str, str]
    database: str
    start: str
    run: str
    folder: Path

    def site(self, number: int) -> Site:
        """The site of the lab of that number."""
        lab = f"lab-{number}"
        setup = SiteSetup(
            subject_keys=self.keys,
            database=self.database,
            run=self.run,
            lab=lab,
            folder=self.folder / "labs" / lab,
            start=self.start,
            clock=WARP,
        )
        return self.engine.site(setup)


class Bench:
    """A lab that plans are carried out in, one after the other; after one in which something broke, there is a new one.

    A context manager: the lab is down in the end. `carry_out` raises LabError where no lab can be started.
    """

    def __init__(
        self, ground: Ground, say: Callable[[str], None], deadlines: Deadlines | None = None, clock: Clock = HOST_CLOCK
    ) -> None:
        self._ground, self._say, self._deadlines, self._clock = ground, say, deadlines or Deadlines(), clock
        self._lab: Lab | None = None
        self._said: Mapping[str, str] = {}
        self._labs = 0
        self._exit = ExitStack()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def labs_before(self, number: int) -> None:
        """So many labs were started before in this folder: the next one has the number after."""
        self._labs = number

    def carry_out(self, plan: ChaosPlan, place: int) -> PlanResult:
        """What the plan of that place in the campaign came to."""
        lab = self._lab or self._started()
        result = one_plan(plan, place, self._ground, lab, self._said)
        # rule: plan-new-lab-after-an-error (gives False)
        broke = any(door.outcome == ERROR for door in result.doors)
        if broke:
            self._exit.close()
            self._lab = None
        return result

    def _started(self) -> Lab:
        self._labs += 1
        site = self._ground.site(self._labs)
        lab = Lab(site, self._ground.versions, self._deadlines, SERVER_SETTINGS, MovableClock(self._clock))
        self._exit.enter_context(lab)
        move_clock(lab, FIRST_MOVE)
        self._said, self._lab = lab.check_versions(), lab
        self._say(f"lab {self._labs} stands: Prefect {self._said[SERVER]}")
        return lab


def one_plan(plan: ChaosPlan, place: int, ground: Ground, lab: Lab, said: Mapping[str, str]) -> PlanResult:
    """Carry one plan out, and judge each of its doors. `said`: the version that each part said it is."""
    started, used = time.monotonic(), lab.site.cpu_seconds()
    name, file = f"plan-{place}", ground.folder / plan_file(place)
    run = Plan(ground.run, file.parent, [], start=ground.start)
    run.folder.mkdir(parents=True)
    write_plan(plan, file)
    cells = {(step, of): _cell(ground, name, step, of, door) for step, of, door in doors_of(plan)}
    declared = {one.name: one for one in plan.deployments}
    histories: dict[tuple[int, str], History] = {}
    for (step, of), cell in cells.items():
        histories[step, of] = open_history(run, cell, scenario_of(name, plan, [declared[of]]), lab.clock)
        for role, version in said.items():
            histories[step, of].add("version", role=role, said=version)
    carried = carry_out(plan, name, lab, histories)
    tried = {where: Tried(cell.door, run.trial_folder(cell)) for where, cell in cells.items()}
    result = plan_result(plan, place, carried, judge_doors(place, tried, ground.versions[SERVER]))
    seconds, cpu_seconds = time.monotonic() - started, lab.site.cpu_seconds() - used
    return msgspec.structs.replace(result, seconds=round(seconds, 1), cpu_seconds=round(cpu_seconds, 1))


def _cell(ground: Ground, name: str, step: int, of: str, door: str) -> Cell:
    return Cell(
        scenario=trial_name(name, step, of),
        door=door,
        subject=ground.subject,
        version=ground.versions[SERVER],
        versions={role: version for role, version in ground.versions.items() if role != SERVER},
        as_of=ground.as_of,
        engine=ground.engine.name,
        database=ground.database,
        engine_detail=ground.engine.describe(),
        lab="",
        clock=WARP,
    )
