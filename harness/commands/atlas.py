"""Try every state on every final release of a range, and write what came of it to a page.

Asked again, it goes on where it stopped.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import structs
from packaging.version import Version
from rich.console import Console

from harness.commands._atlas_page import AtlasTrial, cell_of, in_short, page, releases_of
from harness.doors import select_doors
from harness.engines.choose import choose_engine
from harness.evidence.frequency import ground
from harness.evidence.table import Picture, footnotes
from harness.runs.ask import (
    USUAL_ENGINE,
    DoorNames,
    EngineName,
    LabCount,
    ResultsFolder,
    RunAsk,
    ScenarioNames,
    StartName,
)
from harness.runs.unseen import newest_results, run_unseen
from harness.store.results import check_writable, harness_commit, new_run_id
from harness.subjects.kinds import check_ends
from harness.subjects.release import releases_between, resolve_release
from harness.trials.scenario import select_scenarios
from harness.verdict.outcomes import (
    EXIT_AS_EXPECTED,
    EXIT_CONTRADICTED,
    EXIT_UNJUDGED,
    contradicts,
    exit_code,
    said,
    unjudged,
)
from harness.words.errors import UsageError
from harness.words.files import read_json, write_whole
from harness.words.names import DATABASES, FORK, SQLITE
from harness.words.options import Option, Usual, again
from harness.words.reading import read_as

DESCRIPTION = (
    "Tries every state, several releases in a run; asked again, it goes on where it stopped. "
    "Each release leaves an environment of some 130 MB in the cache."
)
ATLAS_SCHEMA = 1
# One scenario for each name that a scheduled run may have, and the two doors whose deletions differ the most.
STATES = ("worker-outage", "concurrency-limit", "awaiting-retry", "overdue-unmarked")
DOORS = ("prefect-deploy", "pause-deployment")
# In one run, so that the next releases are built while labs run, and no lab runs alone but the last.
_RELEASES_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options: these scenarios and doors are tried on every final release from `first` to `last`.

    engine, database  None: what the atlas that is gone on with was tried on
    """

    first: Annotated[str, Option("the oldest release", flag="--from", metavar="RELEASE", always=True)] = "2.20.0"
    last: Annotated[str, Option("the newest release", flag="--to", metavar="RELEASE", always=True)] = "latest"
    newest_of_minor: Annotated[bool, Option("of each minor version its newest release alone")] = False
    scenarios: ScenarioNames = STATES
    doors: DoorNames = DOORS
    engine: Annotated[EngineName, Usual(f"as the atlas was begun, else {USUAL_ENGINE}")] = None
    database: Annotated[
        str | None,
        Option("what the server keeps its data in", choices=DATABASES),
        Usual(f"as the atlas was begun, else {SQLITE}"),
    ] = None
    start: StartName = FORK
    labs: LabCount = None
    results: ResultsFolder = Path("results")
    into: Annotated[Path, Option("NAME.md and NAME.json are written", metavar="NAME")] = Path("docs/atlas")


class _Saved(msgspec.Struct, frozen=True):
    """An atlas's file."""

    schema: int
    trials: Sequence[AtlasTrial]


class Atlas:
    """The entries so far, as in results.json, with run and commit; in a file that is whole after each release."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.trials: list[AtlasTrial] = []
        if file.exists():
            try:
                saved = read_json(file)
                schema = saved["schema"]
            except (ValueError, KeyError, TypeError):
                raise UsageError(f"{str(file)!r} is no atlas; name another --into.") from None
            if schema != ATLAS_SCHEMA:
                raise UsageError(
                    f"{str(file)!r} has schema {schema}; this harness writes {ATLAS_SCHEMA}. Name another --into."
                )
            self.trials = list(read_as(_Saved, saved, file).trials)

    def lacks(self, release: str, scenarios: Sequence[str], doors: Sequence[str]) -> list[str]:
        """The scenarios of a release with a door of which there is no verdict yet."""
        judged = {(t.scenario, t.door) for t in self.trials if t.subject == release and not unjudged(t)}
        return [scenario for scenario in scenarios if any((scenario, door) not in judged for door in doors)]

    def add(self, trials: Sequence[AtlasTrial]) -> None:
        """Take up a release's trials, and save all; what was judged before gives way to another verdict alone."""
        cells = {cell_of(trial): trial for trial in self.trials}
        # rule: atlas-keeps-verdicts (always)
        cells |= {cell_of(trial): trial for trial in trials if cell_of(trial) not in cells or not unjudged(trial)}
        self.trials = sorted(cells.values(), key=lambda t: (Version(t.subject), t.scenario, t.door))
        write_whole(self._file, json.dumps(msgspec.to_builtins(_Saved(ATLAS_SCHEMA, self.trials)), indent=1) + "\n")


def run(ask: Ask, console: Console) -> int:
    """Carry the survey out, or go on with it: `into`.json holds the data, `into`.md shows them; returns the exit code.

    Raises: UsageError before anything is started, and what `run_matrix` raises.
    """
    scenarios = tuple(scenario.name for scenario in select_scenarios(ask.scenarios))
    doors = tuple(door.name for door in select_doors(ask.doors))
    check_ends(ask.first, ask.last)
    data, shown = ask.into.with_name(f"{ask.into.name}.json"), ask.into.with_name(f"{ask.into.name}.md")
    check_writable(ask.into.parent, "--into")
    check_writable(ask.results)
    atlas = Atlas(data)
    before = atlas.trials[0] if atlas.trials else None
    engine, why = choose_engine(ask.engine or (before.engine if before else None))
    ask = replace(ask, engine=engine.name, database=ask.database or (before.database if before else SQLITE))
    here = ground(ask)
    if other := {ground(trial) for trial in atlas.trials} - {here}:
        tried = "; ".join(sorted(other))
        raise UsageError(f"{str(data)!r} holds what was tried on {tried}; name another --into, or the same.")
    console.print(f"on {here}" + (f", as {data} before" if atlas.trials else f" ({why})"), soft_wrap=True)
    first, last = (resolve_release(end, engine.target()).version for end in (ask.first, ask.last))
    if Version(first) > Version(last):
        raise UsageError(f"{first} is not older than {last}.")
    releases = releases_between(first, last, engine.target(), threading.Event())
    chosen = newest_of_each_minor(releases) if ask.newest_of_minor else releases
    console.print(f"releases: {', '.join(chosen)}", soft_wrap=True)
    folder = ask.results / f"atlas-{new_run_id()}"  # of its own, where no other run can move `latest`
    lacking = [(release, tuple(atlas.lacks(release, scenarios, doors))) for release in chosen]
    done = 0
    total = sum(1 for _, scenarios in lacking if scenarios)
    for together, lacked in _in_runs(lacking):
        console.print(f"{', '.join(together)} ({done + 1} to {done + len(together)} of {total})", soft_wrap=True)
        run_folder = folder / str(done)
        try:
            seconds = _try(ask, together, lacked, run_folder, lambda step: console.print(step, soft_wrap=True))
        finally:  # an interrupt takes no verdict back, and is no outcome of what it cut short
            if found := _tried(run_folder):
                atlas.add(found)
                write_whole(shown, page(atlas.trials, again("atlas", replace(ask, results=Ask.results))))
        done += len(together)
        for release in together:
            mine = [trial for trial in atlas.trials if trial.subject == release]
            console.print(f"{release}: {', '.join(map(_short, mine))}", soft_wrap=True)
        left = (total - done) * seconds / len(together) / 60
        console.print(
            f"{done} of {total}; these took {seconds:.0f} s, the rest may take {left:.0f} min", soft_wrap=True
        )
    console.print(Picture(in_short(atlas.trials)))
    for line in footnotes(atlas.trials, releases_of(atlas.trials)):
        console.print(line)
    console.print(f"\natlas: {shown}", soft_wrap=True)
    return exit_code(atlas.trials)


def newest_of_each_minor(releases: Sequence[str]) -> list[str]:
    """Of releases, oldest first, the newest of each minor version."""
    by_minor = itertools.groupby(releases, key=lambda release: Version(release).release[:2])
    return [list(group)[-1] for _, group in by_minor]


def _in_runs(lacking: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[tuple[list[str], tuple[str, ...]]]:
    """The releases to try in one run, neighbours that lack the same scenarios, and these."""
    for scenarios, several in itertools.groupby(lacking, key=lambda one: one[1]):
        releases = [release for release, _ in several]
        if scenarios:
            for first in range(0, len(releases), _RELEASES_AT_ONCE):
                yield releases[first : first + _RELEASES_AT_ONCE], scenarios


def _try(
    ask: Ask, releases: Sequence[str], scenarios: Sequence[str], results: Path, tell: Callable[[str], None]
) -> float:
    """Try these releases in one run, whose results folder this is alone; returns its seconds."""
    together = RunAsk(
        subjects=tuple(releases),
        scenarios=tuple(scenarios),
        doors=ask.doors,
        engine=ask.engine,
        database=ask.database or SQLITE,
        results=results,
        keep="never",
        labs=ask.labs,
        start=ask.start,
    )
    found, _ = run_unseen(together, results.parent / "atlas.log", tell)
    return found.seconds


def _tried(results: Path) -> list[AtlasTrial]:
    """The trials of the run in this folder as an atlas has them, without what never came to an outcome of its own."""
    try:
        found, run = newest_results(results)
    except FileNotFoundError:
        return []  # it was cut short before it began
    commit = harness_commit().commit
    ended = found.exit_code in (EXIT_AS_EXPECTED, EXIT_CONTRADICTED, EXIT_UNJUDGED)
    own = [trial for trial in found.trials if (trial.outcome if ended else not unjudged(trial))]
    return [AtlasTrial(**structs.asdict(trial), run=run, harness=commit) for trial in own]


def _short(trial: AtlasTrial) -> str:
    return f"{trial.scenario} {trial.door} {said(trial)}" + ("!" if contradicts(trial) else "")
