"""Carry out orders of events that nobody staged: plans drawn from a seed, held to promises that must always hold."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
from packaging.version import Version
from rich.console import Console

from harness.chaos.as_scenario import scenario_files
from harness.chaos.coverage import Coverage
from harness.chaos.draw import draw_several
from harness.chaos.model import MOST_STEPS, check_database
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import CAMPAIGN, CampaignResult
from harness.chaos.shards import parse_shard, shard_of_environment
from harness.chaos.text import as_text, read_plan, write_plan
from harness.checkers import load_promises
from harness.engines.choose import choose_engine
from harness.engines.sweep import of_the_dead, sweep
from harness.runs.ask import DatabaseName, EngineName, ResultsFolder, StartName
from harness.runs.campaign_ground import campaign_of, carry_out_campaign, opened
from harness.runs.campaign_ledger import CampaignLedger
from harness.store.campaigns import (
    held,
    is_campaign,
    read_campaign,
)
from harness.store.checksums import write_checksums
from harness.store.results import check_writable, new_run_id
from harness.subjects.kinds import check_name, resolve
from harness.trials.scenario import SCENARIOS, load_scenarios
from harness.verdict.plans import OVERDUE
from harness.words.errors import UsageError, no_such
from harness.words.files import write_whole
from harness.words.names import FORK, SQLITE
from harness.words.options import Option, again
from harness.words.places import session

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
    steps: Annotated[int, Option("of each plan", metavar="N", least=0)] = 12
    plans: Annotated[int, Option("how many are drawn", metavar="N")] = 3
    plan: Annotated[
        tuple[Path, ...],
        Option("carry out the plan in this file, or each in this folder, and draw none", metavar="PATH"),
    ] = ()
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
    as_scenario: Annotated[
        str, Option("write the plan of --plan as a scenario folder of this name, and carry nothing out", metavar="NAME")
    ] = ""
    until_news: Annotated[
        bool, Option("stop after the first plan that breaks a promise in a way that is not known")
    ] = False
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
    if ask.as_scenario:
        return _write_scenario(ask, console)
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
    new = campaign_of(
        release,
        subject=ask.subject,
        run=name,
        command=again("chaos", ask),
        engine=engine.name,
        database=ask.database,
        start=ask.start,
        plans=plans,
        seed=None if ask.plan else ask.seed,
        steps=None if ask.plan else ask.steps,
        seen=seen,
        shard=ask.shard,
        promise=ask.reduce,
        until_news=ask.until_news,
    )
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        begun = opened(folder, new, plans, but={"seed", "steps", "seen", "planned"} if ask.resume else set())
        say = partial(console.print, soft_wrap=True, highlight=False)
        try:
            code = carry_out_campaign(CampaignLedger(folder, begun, say), engine, release, run=name, say=say)
        except BaseException:
            say(f"go on:    {shlex.join([*session('chaos'), '--resume', str(folder)])}")
            raise
    write_checksums(folder)
    return code


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
        until_news=begun.until_news,
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


def _plans(ask: Ask, seen: Coverage) -> list[ChaosPlan]:
    if ask.reduce:
        names = (OVERDUE, *load_promises())
        if ask.reduce not in names:
            raise no_such("promise", ask.reduce, names)
        if len(ask.plan) != 1 or ask.plan[0].is_dir():
            raise UsageError("One plan is made smaller at a time. Name it: --plan FILE.")
    if ask.plan:
        plans = [read_plan(path) for path in _files(ask.plan)]
        for plan in plans:
            check_database(plan, ask.database)
        return plans
    if ask.steps > MOST_STEPS:
        raise UsageError(f"A plan has at most {MOST_STEPS} steps, not {ask.steps}. Draw more plans instead: --plans.")
    return draw_several(ask.seed, ask.plans, ask.steps, seen, ask.database)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """These files, and each in these folders, plan-2 before plan-10. Raises: UsageError for a folder without plans."""
    for path in paths:
        found = list(path.glob("*.yaml")) if path.is_dir() else [path]
        if not found:
            raise UsageError(f"{str(path)!r} has no plans (*.yaml). Name a folder that has: --draw-only writes one.")
        yield from sorted(found, key=lambda file: (len(file.name), file.name))


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


def _write_scenario(ask: Ask, console: Console) -> int:
    """Write a plan as a scenario folder. Raises: UsageError where it is none, or there is such a scenario."""
    if len(ask.plan) != 1 or ask.plan[0].is_dir():
        raise UsageError("One plan becomes a scenario. Name it: --plan FILE.")
    plan = read_plan(ask.plan[0])
    files = scenario_files(plan, ask.as_scenario, as_text(plan))
    folder = SCENARIOS / ask.as_scenario
    if folder.exists() or ask.as_scenario in load_scenarios():
        raise UsageError(f"There is a scenario {ask.as_scenario!r} already: name another one.")
    folder.mkdir()
    for name, text in files.items():
        write_whole(folder / name, text)
    console.print(f"scenario: {folder}", soft_wrap=True)
    return 0


def _write_only(plans: Sequence[ChaosPlan], folder: Path, console: Console) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{str(folder)!r} is not empty. Name a folder for the plans that does not exist yet: --into.")
    for number, plan in enumerate(plans, start=1):
        write_plan(plan, folder / f"plan-{number}.yaml")
    console.print(f"plans: {folder}", soft_wrap=True)
    return 0
