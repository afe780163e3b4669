"""Carry out orders of events that nobody staged: plans drawn from a seed, held to promises that must always hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec
from packaging.version import Version
from rich.console import Console

from harness.chaos.coverage import KINDS, Coverage
from harness.chaos.draw import draw_several
from harness.chaos.model import MOST_STEPS
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import BROKEN, CAMPAIGN, CAMPAIGN_SCHEMA, KEPT, UNKNOWN, CampaignResult, PlanResult
from harness.chaos.text import read_plan, write_plan
from harness.checkers import load_promises
from harness.engines import movable_clock
from harness.engines.base import Engine
from harness.engines.choose import choose_engine
from harness.engines.sweep import of_run, of_the_dead, sweep
from harness.runs.ask import DatabaseName, EngineName, ResultsFolder, StartName
from harness.runs.campaign import Bench, Ground
from harness.runs.reduction import Reduction, reduce_plan
from harness.store.results import check_writable, new_run_id
from harness.subjects.kinds import check_name, resolve
from harness.subjects.release import Release
from harness.verdict.plans import OVERDUE, exit_code
from harness.words.errors import UsageError, no_such
from harness.words.files import write_whole
from harness.words.names import FORK, SERVER, SQLITE, WARP
from harness.words.options import Option, again
from harness.words.redaction import redact
from harness.words.scratch import scratch_folder

DESCRIPTION = (
    "Draws plans from a seed (doors, faults, moves of the clock, runs by a person), carries each out on real Prefect, "
    "and says which promises it broke."
)
EPILOG = (
    "exit codes: 0 no promise is broken but as is known of the release; 1 one is; 2 wrong usage; 125 none is, and one "
    "is unknown, or there was nothing to see; 130 interrupted"
)
REDUCED = "reduced.yaml"
_FIRST = "3.0.4"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options: a seed, or files of plans."""

    seed: Annotated[int, Option("what plans are drawn from", metavar="N", always=True)] = 1
    steps: Annotated[int, Option("of each plan", metavar="N")] = 12
    plans: Annotated[int, Option("how many are drawn", metavar="N")] = 3
    plan: Annotated[tuple[Path, ...], Option("carry out the plan in this file, and draw none", metavar="FILE")] = ()
    seen: Annotated[
        tuple[Path, ...],
        Option(
            f"the {CAMPAIGN} of an earlier campaign: pairs of steps that it executed are drawn less", metavar="FILE"
        ),
    ] = ()
    reduce: Annotated[
        str,
        Option("make the plan of --plan smaller as long as it breaks this promise", metavar="PROMISE"),
    ] = ""
    draw_only: Annotated[bool, Option("write the plans into --results, and carry none out")] = False
    subject: Annotated[str, Option("a release", metavar="PREFECT", always=True)] = "latest"
    engine: EngineName = None
    database: DatabaseName = SQLITE
    start: StartName = FORK
    results: ResultsFolder = Path("results")


def run(ask: Ask, console: Console) -> int:
    """Draw or read the plans, carry them out, and say what they broke; returns the exit code.

    Raises: UsageError before anything is started; LabError where no lab can be had; Interrupted, with what the plans so
    far came to in chaos.json.
    """
    seen = _seen(ask.seen)
    plans = _plans(ask, seen)
    check_name(ask.subject)
    check_writable(ask.results)
    name = new_run_id()
    folder = ask.results.absolute() / f"chaos-{name}"
    if ask.draw_only:
        return _write_only(plans, folder, console)
    engine, why = choose_engine(ask.engine)
    ask = replace(ask, engine=engine.name)
    console.print(f"engine: {why}", soft_wrap=True)
    sweep(of_the_dead)
    release = resolve(ask.subject, engine.target(), engine.resolve_image)
    if Version(release.version) < Version(_FIRST):
        raise UsageError(f"Plans were never tried on releases before {_FIRST}. Name a later one than {ask.subject}.")
    folder.mkdir(parents=True)
    campaign = Campaign(ask, console, version=release.version, run=name, folder=folder, seen=seen)
    with (
        _ground(ask, engine, release, console, name=name, folder=folder) as ground,
        Bench(ground, console.print) as bench,
    ):
        if ask.reduce:
            campaign.reduce(plans[0], bench)
        else:
            for plan in plans:
                campaign.add(bench.carry_out(plan))
    return campaign.end()


@contextmanager
def _ground(
    ask: Ask, engine: Engine, release: Release, console: Console, *, name: str, folder: Path
) -> Iterator[Ground]:
    """The ground that plans are carried out on, built; nothing of the run is left in the end."""
    movable_clock.preload()
    engine.prepare(ask.database, console.print)
    parts = {SERVER: release, **release.roles}
    keys = {role: engine.build(part, console.print) for role, part in parts.items()}
    scratch_folder(name)
    try:
        for key in dict.fromkeys(keys.values()):
            engine.check_clock(key)
            if ask.start == FORK:
                engine.warm(key, name, WARP)
        yield Ground(
            engine, ask.subject, {role: part.version for role, part in parts.items()}, release.as_of, keys,
            ask.database, ask.start, name, folder,
        )  # fmt: skip
    finally:
        engine.close()
        sweep(of_run(name))


class Campaign:
    """What a campaign has come to so far; chaos.json has it at every moment."""

    def __init__(self, ask: Ask, console: Console, *, version: str, run: str, folder: Path, seen: Coverage) -> None:
        self._ask, self._folder, self._console = ask, folder, console
        self.result = CampaignResult(
            schema=CAMPAIGN_SCHEMA, run=run, command=again("chaos", ask), subject=ask.subject, version=version,
            engine=ask.engine or "", database=ask.database, coverage=seen,
        )  # fmt: skip
        self._reduction: Reduction | None = None
        self._write()

    def add(self, plan: PlanResult) -> PlanResult:
        """One more plan was carried out."""
        coverage = self.result.coverage.also(plan.executed, plan.places)
        self.result = msgspec.structs.replace(self.result, plans=[*self.result.plans, plan], coverage=coverage)
        self._write()
        for line in lines_of(plan):
            self._say(line)
        return plan

    def reduce(self, plan: ChaosPlan, bench: Bench) -> None:
        """Make a plan smaller that breaks a promise."""
        found = self._reduction = reduce_plan(
            plan, self._ask.reduce, lambda one: self.add(bench.carry_out(one)), self._say
        )
        write_plan(found.plan, self._folder / REDUCED)

    def end(self) -> int:
        """Say what it came to; returns the exit code."""
        plans = self.result.plans
        if self._reduction:
            plans = [self._reduction.last] if self._reduction.last else []
        code = exit_code(plans)
        self.result = msgspec.structs.replace(self.result, exit_code=code)
        self._write()
        lines = told_of(self._reduction) if self._reduction else summary_of(self.result)
        for line in ["", *lines, f"evidence: {self._folder}", f"again:    {self.result.command}", f"exit:     {code}"]:
            self._say(line)
        return code

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)

    def _write(self) -> None:
        said = redact.value(msgspec.to_builtins(self.result))
        write_whole(self._folder / CAMPAIGN, msgspec.json.format(msgspec.json.encode(said)).decode() + "\n")


def _plans(ask: Ask, seen: Coverage) -> list[ChaosPlan]:
    if ask.reduce:
        names = (OVERDUE, *load_promises())
        if ask.reduce not in names:
            raise no_such("promise", ask.reduce, names)
        if len(ask.plan) != 1:
            raise UsageError("One plan is made smaller at a time. Name it: --plan FILE.")
    if ask.plan:
        return [read_plan(path) for path in ask.plan]
    if ask.steps > MOST_STEPS:
        raise UsageError(f"A plan has at most {MOST_STEPS} steps, not {ask.steps}. Draw more plans instead: --plans.")
    return draw_several(ask.seed, ask.plans, ask.steps, seen)


def _seen(files: Sequence[Path]) -> Coverage:
    """What earlier campaigns executed. Raises: UsageError for a file that is not of one."""
    seen = Coverage()
    for path in files:
        try:
            seen = seen.merged(msgspec.json.decode(path.read_bytes(), type=CampaignResult).coverage)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise UsageError(
                f"{str(path)!r} is no {CAMPAIGN}: {why}.\nName the file that a campaign wrote into its results."
            ) from None
    return seen


def _write_only(plans: Sequence[ChaosPlan], folder: Path, console: Console) -> int:
    folder.mkdir(parents=True)
    for number, plan in enumerate(plans, start=1):
        write_plan(plan, folder / f"plan-{number}.yaml")
    console.print(f"plans: {folder}", soft_wrap=True)
    return 0


def lines_of(result: PlanResult) -> list[str]:
    """What a plan came to, for a person."""
    broken = [name for name in result.of(BROKEN) if not result.promises[name].known]
    known = [name for name in result.of(BROKEN) if result.promises[name].known]
    parts = [
        ("broken", broken), ("broken as is known", known), ("unknown", result.of(UNKNOWN)), ("kept", result.of(KEPT)),
    ]  # fmt: skip
    said = "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names) or "there was nothing to see"
    head = f"{result.file}: {len(result.executed)} of {len(result.steps)} steps"
    spent = f"{result.seconds:.0f} s, {result.cpu_seconds:.0f} CPU s"
    reasons = [f"    {name}: {result.promises[name].reason}" for name in [*broken, *result.of(UNKNOWN)]]
    return [f"{head}: {said} ({spent})", *reasons]


def summary_of(campaign: CampaignResult) -> list[str]:
    """What a campaign came to, for a person."""
    coverage, plans = campaign.coverage, campaign.plans
    broken = [plan for plan in plans if any(not plan.promises[name].known for name in plan.of(BROKEN))]
    places = f"{len(coverage.pairs)} pairs of them, {len(coverage.places)} by state"
    covered = f"{len(coverage.steps)} of {len(KINDS)} kinds of step, {places}"
    told = f"{len(broken)} of {len(plans)} plans broke a promise in a way that is not known"
    return [f"Prefect {campaign.version}: {told}", f"executed so far: {covered}"]


def told_of(reduction: Reduction) -> list[str]:
    """What a reduction came to, for a person."""
    replayed = f"{reduction.promise} broken {reduction.broke} of {reduction.replays} times"
    if not reduction.broke:
        return [f"{replayed}: there is nothing to make smaller"]
    cut = "; it may not be the smallest, since no more tries are made" if reduction.is_cut else ""
    steps = [f"  {number}. {step}" for number, step in enumerate(reduction.plan.steps, start=1)]
    return [f"{replayed}; the smallest plan found in {reduction.tries} tries{cut} ({REDUCED}):", *steps]
