"""Measure whether a practice that people are told to follow protects the runs at risk (experiments/)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import structs
from rich.console import Console

from harness.commands._atlas_page import AtlasTrial
from harness.commands._experiment_page import page, picture, told_of
from harness.commands._trials import EXIT_CODES
from harness.engines.choose import choose_engine
from harness.runs.ask import DatabaseName, EngineName, LabCount, ResultsFolder, RunAsk, StartName, SubjectNames
from harness.runs.experiments import Experiment, experiment_named
from harness.runs.unseen import run_unseen
from harness.store.results import check_writable, harness_commit, new_run_id
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_CONTRADICTED, EXIT_UNJUDGED, exit_code
from harness.verdict.practices import UNTOLD
from harness.words.files import write_whole
from harness.words.names import FORK, SQLITE
from harness.words.options import Argument, Option, Usual, again

DESCRIPTION = (
    "Runs the trials of an experiment with and without each practice, on an unpatched, a patched and the newest "
    "release, and writes measured.md, measured.svg and measured.json."
)
EPILOG = EXIT_CODES
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    name: Annotated[str, Argument("NAME", "a folder of experiments/")]
    subjects: Annotated[SubjectNames, Usual("those that the experiment names")] = ()
    engine: EngineName = None
    database: DatabaseName = SQLITE
    start: StartName = FORK
    labs: LabCount = None
    repeat: Annotated[int, Option("times that each trial is carried out", metavar="N")] = 1
    results: ResultsFolder = Path("results")
    into: Annotated[
        Path | None, Option("where what was measured is written", metavar="FOLDER"), Usual("the experiment's folder")
    ] = None


def run(ask: Ask, console: Console) -> int:
    """Carry it out. Raises: UsageError before anything is started, and what `run_matrix` raises."""
    experiment = experiment_named(ask.name)
    into = ask.into or experiment.folder
    check_writable(into, "--into")
    check_writable(ask.results)
    engine, why = choose_engine(ask.engine)
    ask = replace(ask, engine=engine.name, subjects=ask.subjects or tuple(experiment.subjects))
    console.print(f"engine: {why}", soft_wrap=True)
    console.print(f"hypothesis: {experiment.hypothesis}", soft_wrap=True)
    folder = ask.results / f"experiment-{new_run_id()}"
    trials = list(_carried_out(ask, experiment, folder, console))
    told = told_of(experiment, trials)
    for words, by in told:
        for subject, one in by.items():
            console.print(f"{subject}: {words}: {one.answer} ({one})", soft_wrap=True)
    anywhere = replace(ask, results=Ask.results, into=None)  # the page says nothing of this machine's folders
    into.mkdir(parents=True, exist_ok=True)
    saved = {"schema": SCHEMA, "name": experiment.name, "trials": msgspec.to_builtins(trials)}
    write_whole(into / "measured.json", json.dumps(saved, indent=1) + "\n")
    write_whole(into / "measured.svg", picture(experiment, trials))
    write_whole(into / "measured.md", page(experiment, trials, again("experiment", anywhere)))
    console.print(f"\nmeasured: {into / 'measured.md'}\nagain:    {again('experiment', ask)}", soft_wrap=True)
    if exit_code(trials) == EXIT_CONTRADICTED:
        return EXIT_CONTRADICTED
    # Nothing is expected of a practice; what counts is whether something can be said of it.
    untold = any(one.answer == UNTOLD for _, by in told for one in by.values())
    return EXIT_UNJUDGED if untold else EXIT_AS_EXPECTED


def _carried_out(ask: Ask, experiment: Experiment, folder: Path, console: Console) -> Iterator[AtlasTrial]:
    """The trials of each case: one run for all that are opened at the same time."""
    commit = harness_commit().commit
    for number, at in enumerate(dict.fromkeys(case.at for case in experiment.cases)):
        cases = [case for case in experiment.cases if case.at == at]
        together = RunAsk(
            subjects=tuple(ask.subjects),
            scenarios=tuple(dict.fromkeys(case.scenario for case in cases)),
            doors=tuple(dict.fromkeys(case.door for case in cases)),
            engine=ask.engine,
            database=ask.database,
            results=folder / str(number),
            keep="never",
            labs=ask.labs,
            start=ask.start,
            repeat=ask.repeat,
            at=at,
        )
        found, run_id = run_unseen(
            together, folder / "experiment.log", lambda step: console.print(step, soft_wrap=True)
        )
        yield from (AtlasTrial(**structs.asdict(trial), run=run_id, harness=commit) for trial in found.trials)
