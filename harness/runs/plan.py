"""What is planned of a cell: what is expected of it, and in which lab it is tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec.structs import replace
from packaging.version import Version

from harness.checkers import load_promises
from harness.doors import Door, load_doors, select_doors
from harness.known import known_for, known_promises
from harness.trials.scenario import EVERY_DOOR, Scenario, select_scenarios
from harness.words.names import REAL, SQLITE, WARP
from harness.words.plan import Cell, ground, numbered
from harness.words.promises import HELD_TO_IT, Expectation
from harness.words.proof import NOTHING

_LAB_HOLDS, _STAGING_WEIGHS = 12, 2  # in trials
_BY_DEFINITION = "by definition"
_NOT_ASKED = "its door {}, so a gate expects nothing of that; by its promises alone it is no success"


def spread_over_labs(cells: Sequence[Cell]) -> list[Cell]:
    """The cells, those of one lab spread over several labs if they are more than one lab should hold.

    Each staging has a worker and a twin beside its trials, and each of these starts flow runs; a trial with a work pool
    of its own has a worker more. Six stagings with 35
    trials in one lab wore workers and server out on two cores (docs/benchmarks-earlier.md).
    """
    held: dict[str, dict[str, int]] = {}  # of a lab: how many trials of each scenario
    part: Counter[str] = Counter()
    spread = []
    for cell in cells:
        if cell.outcome is None:
            mine = held.setdefault(cell.lab, {})
            weighs = 1 + load_doors()[cell.door].own_pool
            mine[cell.scenario] = mine.get(cell.scenario, 0) + weighs
            if sum(mine.values()) + _STAGING_WEIGHS * len(mine) > _LAB_HOLDS:  # rule: lab-capacity
                part[cell.lab] += 1
                held[cell.lab] = {cell.scenario: weighs}
        number = part[cell.lab] + 1
        spread.append(replace(cell, lab=f"{cell.lab}--part-{number}") if number > 1 else cell)
    return spread


def doors_of(scenario: Scenario) -> list[str]:
    """The doors that a plain `matrix` opens on a scenario, its usual one first.

    EVERY_DOOR is every one that touches a deployment. Those on pools, queues, workers and processes are opened where a
    scenario names them, and where a person asks for them: a trial with a pool of its own has a worker more.
    """
    if scenario.doors != EVERY_DOOR:
        return list(scenario.doors)
    doors = {name: door for name, door in load_doors().items() if not door.by_name}
    fitting = [name for name, door in doors.items() if door.is_of_deployments and not door.misfit(scenario)]
    return sorted(fitting, key=lambda name: name != scenario.usual_door)


def choose_trials(command: str, scenarios: Sequence[str], doors: Sequence[str]) -> list[tuple[Scenario, Door]]:
    """What a command tries, in order: the scenarios and doors that are named, else those that the command chooses.

    Raises: UsageError for a name that does not exist.
    """
    named = select_doors(doors)
    chosen = select_scenarios(scenarios)
    if command == "reproduce" and not scenarios:
        chosen = [scenario for scenario in chosen if scenario.in_reproduce]
    trials = []
    for scenario in chosen:
        opened = doors_of(scenario) if command == "matrix" else [scenario.usual_door]
        trials += [(scenario, door) for door in named or select_doors(opened)]
    return trials


def _lacks(scenario: Scenario, door: Door, *versions: str) -> str:
    """Why one of these versions cannot stage the scenario (the first, the server's) or has no such door; else empty.

    A version that was built between releases is not asked: it counts from the nearest tag, which a fork's tree may
    not have, so what it lacks shows in the trial alone, and then it has no verdict.
    """
    # rule: not-applicable-not-between
    released = [version for version in versions if not Version(version).local and not Version(version).is_devrelease]
    if versions[0] in released and not scenario.applies_to(versions[0]):
        return scenario.applies_reason  # rule: not-applicable-by-version (gives "")
    return "" if all(map(door.exists_in, released)) else door.versions_reason


def _with_promises(cell: Cell, scenario: Scenario, door: Door, *, held: bool) -> Cell:
    """The cell with what is expected of promises: that all are kept where it is held to that, else what is known.

    A promise by which scenarios may be judged is expected to be kept in one that is judged by it, through the doors
    that it is judged through: others change what it is about, or delete by design.
    """
    known = known_promises(scenario.backlog, door, cell.version, cell.versions)
    nothing = door.proof.by == NOTHING
    # rule: gate-holds-promises (without last), null-door-holds-promises (without first)
    if not (held or nothing):
        return replace(cell, promises=known)  # rule: promise-known-is-expected (gives {})
    judges = scenario.judged_by if door.name in doors_of(scenario) and door.family != "deletion" else ""
    kept = {}
    for name, checker in load_promises().items():
        if nothing or name == judges or not checker.judges:
            # What happens now and then on a release is no doing of a change, and no success either.
            often = known.get(name, Expectation(outcome=""))
            reference = _BY_DEFINITION if nothing else HELD_TO_IT
            kept[name] = replace(often, outcome=checker.kept, reference=reference)
    return replace(cell, promises=kept, held=held)


def plan_cell(
    scenario: Scenario, door: Door, *, subject: str, version: str, as_of: str, engine: str, engine_detail: str,
    database: str = SQLITE, versions: Mapping[str, str] | None = None, note: str = "", command: str = "",
    held: bool = False, repetition: int = 1, clock: str = REAL, schedules: Sequence[str] = (),
    concurrency_limit: str = "", at: str = "",
) -> Cell:  # fmt: skip
    """A cell with what is expected of it; `not-applicable` is decided here, from the version alone.

    `held`: it is expected to survive, whatever is known of its release. `clock`: the one that is asked for; a scenario
    that moves its lab's clock has a movable one in any case. `schedules`, `concurrency_limit`: in place of the
    scenario's own. `at`: when the door is opened.
    """
    clock = WARP if scenario.moves_clock else clock  # rule: scenario-moves-the-clock (skip)
    staged = scenario.with_schedules(schedules, concurrency_limit)
    # Of a schedule that never ends, runs come due while the doors of other trials are open.
    endless = not staged.shapes.ends  # rule: endless-own-lab (gives False)
    # rule: door-settings-own-lab (without first), server-door-own-lab (without last)
    own = door.server_settings or endless or door.reach
    alone = f"--{scenario.name}" if scenario.is_alone or own else ""
    alone += f"--{door.name}" if own else ""
    cell = Cell(
        scenario=scenario.name, door=door.name, subject=subject, version=version, as_of=as_of, engine=engine,
        database=database, engine_detail=engine_detail,
        lab=f"{ground(subject, engine, database, clock)}{alone}{numbered(repetition)}",
        versions=versions or {}, note=note, command=command, repetition=repetition, judged_by=scenario.judged_by,
        clock=clock,
        schedules=tuple(schedules), concurrency_limit=concurrency_limit, at=at,
        reach=door.reach,
    )  # fmt: skip
    if not version:  # rule: not-applicable-not-by-failure
        return cell
    reason = scenario.not_on(engine) or door.misfit(scenario) or door.not_on(engine, database)
    reason = reason or _lacks(scenario, door, version, (versions or {}).get("deployer", version))
    if reason:
        return replace(cell, outcome="not-applicable", expected="not-applicable", reason=reason)
    cell = _with_promises(cell, scenario, door, held=held)
    if door.proof.by == NOTHING:
        return replace(cell, expected="survived", reference=_BY_DEFINITION)
    by_promise = scenario.judged_by in load_promises()
    if held and by_promise and door.name not in doors_of(scenario):
        return replace(cell, reference=_NOT_ASKED.format("changes what its promise is about"))
    if held and door.family == "deletion":  # rule: gate-excepts-deletions
        return replace(cell, reference=_NOT_ASKED.format("deletes runs by design"))
    if by_promise:
        return cell
    found = known_for(scenario.backlog, door, version, cell.versions)
    by_design = door.holds_back and found  # rule: gate-holds-back-by-design (gives False)
    if held and not by_design:  # rule: gate-expects-survived
        return replace(cell, expected="survived", reference=HELD_TO_IT)
    return replace(cell, expected=found.outcome, reference=found.reference) if found else cell
