"""Say what the next deploy of your own project would do to its backlog: your prefect.yaml, stubs for your flows."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, ClassVar

from rich.console import Console

from harness.commands._trials import HELD, NEWEST, GateAsk
from harness.projects.read import read_project
from harness.runs.ask import DatabaseName, EngineName, LabCount, ResultsFolder, StartName, SubjectNames
from harness.runs.rehearsal import write_scenarios
from harness.runs.run import run_matrix
from harness.trials.scenario import scenarios_from
from harness.words.errors import UsageError
from harness.words.names import FORK, SQLITE
from harness.words.options import Option, Usual, again

DESCRIPTION = (
    "Deploys your own prefect.yaml with stubs for your flows, lets a night pass without a worker, deploys the file "
    "again as it is now, and says which runs are lost. Nothing of your code is run."
)
EPILOG = HELD
FILES = "files"  # in place of a commit: the files as they lie there
_UNITS = {"m": 60, "h": 3600, "d": 86400}
_LONGEST = timedelta(days=7)


def _outage(text: str) -> timedelta:
    """How long the worker is gone. Raises: UsageError."""
    found = re.fullmatch(r"(\d{1,4})([mhd])", text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not timedelta() < timedelta(seconds=seconds) <= _LONGEST:
        raise UsageError(f"--outage {text!r} is no time such as 90m, 12h or 2d, of at most {_LONGEST.days} days.")
    return timedelta(seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is rehearsed."""

    project: Annotated[Path, Option("the folder with your prefect.yaml", metavar="DIR")]
    old: Annotated[
        str, Option(f"the commit that is deployed now, or `{FILES}`: the files as they lie there", "--from", "REF")
    ] = "HEAD"
    new: Annotated[str, Option("the commit that would be deployed, or the same", "--to", "REF")] = FILES
    deployments: Annotated[
        tuple[str, ...],
        Option("only these, by their names in prefect.yaml, or as flow/deployment", "--deployment", "NAME"),
        Usual("all"),
    ] = ()
    subjects: SubjectNames = NEWEST
    outage: Annotated[str, Option("how long no worker is there", metavar="TIME")] = "12h"
    most_runs: Annotated[
        int, Option("of each deployment so many runs fall due at the most; else the outage is shorter", metavar="N")
    ] = 24
    engine: EngineName = None
    database: DatabaseName = SQLITE
    start: StartName = FORK
    results: ResultsFolder = Path("results")
    labs: LabCount = None


@dataclass(frozen=True, kw_only=True)
class _Run(GateAsk):
    """The run that a rehearsal comes to."""

    command: ClassVar[str] = "rehearse"
    line: str = ""

    def again(self) -> str:
        return self.line


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    outage = _outage(ask.outage)
    old, new = (read_project(ask.project, "" if ref == FILES else ref) for ref in (ask.old, ask.new))
    for note in dict.fromkeys((*old.notes, *new.notes)):
        console.print(f"not rehearsed: {note}", soft_wrap=True)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        left_out = write_scenarios(
            old, new, place, keys=ask.deployments, outage=outage, most=ask.most_runs, now=datetime.now(timezone.utc)
        )
        for each in left_out:
            console.print(f"not rehearsed: {each.key}: {each.why}", soft_wrap=True)
        with scenarios_from(place) as names:
            return run_matrix(
                _Run(
                    subjects=ask.subjects,
                    scenarios=names,
                    engine=ask.engine,
                    database=ask.database,
                    start=ask.start,
                    results=ask.results,
                    labs=ask.labs,
                    line=again("rehearse", ask),
                ),
                console,
                place=place,
            )
