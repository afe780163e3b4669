"""Carry out orders of events that nobody staged: plans drawn from a seed, held to promises that must always hold."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
from packaging.version import Version
from rich.console import Console

from harness.chaos.coverage import Coverage
from harness.chaos.draw import draw_several
from harness.chaos.model import MOST_STEPS, check_database
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import CAMPAIGN, CAMPAIGN_SCHEMA, CampaignResult
from harness.chaos.shards import parse_shard, shard_of_environment
from harness.chaos.text import read_plan, write_plan
from harness.checkers import load_promises
from harness.engines import movable_clock
from harness.engines.base import Engine
from harness.engines.choose import choose_engine
from harness.engines.sweep import of_run, of_the_dead, sweep
from harness.runs.ask import DatabaseName, EngineName, ResultsFolder, StartName
from harness.runs.campaign import Bench, Ground
from harness.runs.campaign_ledger import CampaignLedger
from harness.store.campaigns import (
    ASKED,
    digest,
    held,
    is_campaign,
    keep_planned,
    read_campaign,
    unlike,
    write_campaign,
)
from harness.store.checksums import write_checksums
from harness.store.results import check_writable, harness_commit, new_run_id
from harness.subjects.kinds import check_name, resolve
from harness.subjects.release import Release
from harness.verdict.plans import OVERDUE
from harness.words.errors import UsageError, no_such
from harness.words.names import FORK, SERVER, SQLITE, WARP
from harness.words.options import Option, again
from harness.words.places import session
from harness.words.scratch import scratch_folder

DESCRIPTION = (
    "Draws plans from a seed (doors, faults, moves of the clock, runs by a person), carries each out on real Prefect, "
    "and says which promises it broke."
)
EPILOG = (
    "exit codes: 0 no promise is broken but as is known of the release; 1 one is; 2 wrong usage; 125 none is, and one "
    "is unknown, or there was nothing to see; 130 interrupted"
)
_FIRST = "3.0.4"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options: a seed, or files of plans, or a campaign that was begun."""

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
    shard: Annotated[
        str,
        Option(
            "carry out every so many of the plans alone, such as 3/8; several machines have variables that say which",
            metavar="K/N",
        ),
    ] = ""
    into: Annotated[
        Path | None,
        Option("the campaign's own folder; a campaign that was begun there is gone on with", metavar="FOLDER"),
    ] = None
    resume: Annotated[Path | None, Option("go on with the campaign in this folder", metavar="FOLDER")] = None
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
    seen, plans = Coverage(), list[ChaosPlan]()
    begun = _begun(ask)
    if ask.resume and begun:
        ask = _asked_of(begun, ask.resume)
    else:
        seen, ask = _seen(ask.seen), replace(ask, shard=_shard(ask, console))
        plans = _plans(ask, seen)
    check_name(ask.subject)
    name = new_run_id()
    folder = (ask.resume or ask.into or ask.results / f"chaos-{name}").absolute()
    check_writable(*((folder, "--into") if ask.into else (folder.parent, "--results")))
    if ask.draw_only:
        return _write_only(plans, folder, console)
    engine, why = choose_engine(ask.engine)
    ask = replace(ask, engine=engine.name)
    console.print(f"engine: {why}", soft_wrap=True)
    sweep(of_the_dead)
    release = resolve(ask.subject, engine.target(), engine.resolve_image)
    if Version(release.version) < Version(_FIRST):
        raise UsageError(f"Plans were never tried on releases before {_FIRST}. Name a later one than {ask.subject}.")
    new = _record(ask, release, name, plans, seen)
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        if begun:
            begun = read_campaign(folder)
            _check_same(begun, new, folder, resumed=bool(ask.resume))
        else:
            keep_planned(folder, plans)
            write_campaign(folder, new)
        ledger = CampaignLedger(folder, begun or new, partial(console.print, soft_wrap=True, highlight=False))
        code = _carried_out(ask, ledger, engine, release, console, name=name)
    write_checksums(folder)
    return code


def _carried_out(
    ask: Ask, ledger: CampaignLedger, engine: Engine, release: Release, console: Console, *, name: str
) -> int:
    if ledger.is_whole:
        return ledger.end()
    try:
        with (
            _ground(ask, engine, release, console, name=name, folder=ledger.folder) as ground,
            Bench(ground, console.print) as bench,
        ):
            return ledger.carry_on(bench)
    except BaseException:
        line = shlex.join([*session("chaos"), "--resume", str(ledger.folder)])
        console.print(f"go on:    {line}", soft_wrap=True)
        raise


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


def _begun(ask: Ask) -> CampaignResult | None:
    """The campaign that is gone on with; None for a new one. Raises: UsageError."""
    if not ask.resume:
        return read_campaign(ask.into) if ask.into and is_campaign(ask.into) else None
    if ask != Ask(resume=ask.resume):
        raise UsageError("--resume goes on with what was asked before: leave the other options out.")
    return read_campaign(ask.resume)


def _asked_of(begun: CampaignResult, folder: Path) -> Ask:
    """What a campaign that was begun was asked for; its plans are kept in its folder."""
    return Ask(
        reduce=begun.promise,
        shard=begun.shard,
        subject=begun.subject,
        engine=begun.engine,
        database=begun.database,
        start=begun.start,
        resume=folder,
    )


def _shard(ask: Ask, console: Console) -> str:
    """Which shard is carried out, by the option or else by variables; empty: all of it. Raises: UsageError."""
    if ask.reduce or ask.draw_only:
        if ask.shard:
            raise UsageError("A reduction and --draw-only are not divided: leave --shard out.")
        return ""
    if ask.shard:
        return str(parse_shard(ask.shard))
    found = shard_of_environment(os.environ)
    if not found:
        return ""
    shard, variables = found
    console.print(f"shard: {shard}, by {variables}", soft_wrap=True)
    return str(shard)


def _record(ask: Ask, release: Release, run: str, plans: Sequence[ChaosPlan], seen: Coverage) -> CampaignResult:
    """A campaign of which nothing was carried out."""
    drawn = not ask.plan
    return CampaignResult(
        schema=CAMPAIGN_SCHEMA,
        run=run,
        command=again("chaos", ask),
        subject=ask.subject,
        version=release.version,
        engine=ask.engine or "",
        database=ask.database,
        coverage=seen,
        seed=ask.seed if drawn else None,
        steps=ask.steps if drawn else None,
        seen=seen,
        planned=[digest(plan) for plan in plans],
        shard=ask.shard,
        promise=ask.reduce,
        start=ask.start,
        versions={role: part.version for role, part in release.roles.items()},
        as_of=release.as_of,
        harness=harness_commit(),
    )


def _check_same(begun: CampaignResult, new: CampaignResult, folder: Path, *, resumed: bool) -> None:
    """Raises: UsageError where what would be added is not what was begun."""
    asked = {"seed", "steps", "seen", "planned"} if resumed else set()  # what a resume takes from the folder
    words = {field: says for field, says in ASKED.items() if field not in asked}
    if differ := unlike(begun, new, words):  # rule: campaign-goes-on-with-the-same
        raise UsageError(f"The campaign in {str(folder)!r} was begun with other things; then and now: {differ[0]}.")


def _plans(ask: Ask, seen: Coverage) -> list[ChaosPlan]:
    if ask.reduce:
        names = (OVERDUE, *load_promises())
        if ask.reduce not in names:
            raise no_such("promise", ask.reduce, names)
        if len(ask.plan) != 1:
            raise UsageError("One plan is made smaller at a time. Name it: --plan FILE.")
    if ask.plan:
        plans = [read_plan(path) for path in ask.plan]
        for plan in plans:
            check_database(plan, ask.database)
        return plans
    if ask.steps > MOST_STEPS:
        raise UsageError(f"A plan has at most {MOST_STEPS} steps, not {ask.steps}. Draw more plans instead: --plans.")
    return draw_several(ask.seed, ask.plans, ask.steps, seen, ask.database)


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
