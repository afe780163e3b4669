"""Put known faults into a Prefect release, and say which of them the harness finds, and as what.

The faults are mutants (overlays/) on a release; the release itself goes through the same doors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.chaos.model import MOST_STEPS
from harness.checkers import load_promises
from harness.doors import select_doors
from harness.engines.choose import choose_engine
from harness.engines.sweep import of_the_dead, sweep
from harness.evidence.table import STYLES
from harness.runs.ask import ClockName, DatabaseName, EngineName, LabCount, ResultsFolder, RunAsk, StartName
from harness.runs.power_by_chaos import (
    FOUND,
    QUIET,
    ByChaos,
    Tries,
    in_short,
    look_for,
    row_of,
    shrink,
    smallest_of,
)
from harness.runs.unseen import run_unseen
from harness.store.results import check_writable, new_run_id
from harness.subjects.kinds import check_name, resolve
from harness.subjects.overlays import Overlay, check_fit, load_overlays
from harness.trials.scenario import select_scenarios
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_CONTRADICTED, EXIT_UNJUDGED, said, unjudged
from harness.words.errors import UsageError, no_such
from harness.words.names import FORK, REAL, SQLITE
from harness.words.options import Option, Usual, again
from harness.words.records import TrialResult

DESCRIPTION = "Runs a release with each mutant (overlays/), and the release itself, through the same doors."
EPILOG = (
    "exit codes: 0 every mutant was found as what it is, and the release itself survived; 1 one was not, or "
    "it did not; 2 wrong usage; 125 nothing is wrong, but something could not be judged; 130 interrupted"
)
DOORS, CHAOS = BY = ("doors", "chaos")
WHOLE = ("survived", *(f"{name} {one.kept}" for name, one in load_promises().items()))


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options: the release that the mutants are made of, and which of them (none named: all)."""

    subject: Annotated[str, Option("a release", metavar="PREFECT", always=True)] = "latest"
    mutants: Annotated[tuple[str, ...], Option(flag="--mutant", metavar="NAME", names=all_mutants), Usual("all")] = ()
    engine: EngineName = None
    database: DatabaseName = SQLITE
    start: StartName = FORK
    clock: ClockName = REAL
    labs: LabCount = None
    by: Annotated[str, Option("through the doors that each is meant for, or from promises alone", choices=BY)] = DOORS
    seed: Annotated[int, Option("by chaos: what the plans are drawn from", metavar="N")] = 1
    plans: Annotated[int, Option("by chaos: how many are carried out at the most, of each subject", metavar="N")] = 30
    steps: Annotated[int, Option("by chaos: of each plan", metavar="N")] = 12
    shrink: Annotated[bool, Option("by chaos: make the plan that found a mutant smaller")] = False
    into: Annotated[Path | None, Option("by chaos: its own folder, gone on with if begun", metavar="FOLDER")] = None
    results: ResultsFolder = Path("results")


@dataclass(frozen=True, kw_only=True)
class _RunOfMutants(RunAsk):
    """The run of all mutants; `line` is the command's own, which asks for it again."""

    command: ClassVar[str] = "power"
    is_held: ClassVar[bool] = True

    line: str

    def again(self) -> str:
        return self.line


@dataclass(frozen=True)
class Row:
    """A subject: its name, what it should be found as, what its trials came to, and their seconds.

    verdict  `found`, `not found`, `no verdict`; of the release itself `quiet`, `false alarm`, `no verdict`
    """

    name: str
    wanted: str
    came_to: str
    seconds: float
    verdict: str


def run(ask: Ask, console: Console) -> int:
    """Run each mutant through the doors that it should be found by, and the release through all of these.

    Returns the exit code: 0 if each mutant was found as what it is and the release survived; 1 if one was not found, or
    the release did not survive; otherwise 125 if there was no verdict. Raises: UsageError before anything is started,
    and what `run_matrix` raises.
    """
    mutants = choose(ask.mutants)
    check_name(ask.subject)
    if "+" in ask.subject:
        raise UsageError(f"{ask.subject!r} has an overlay already; name a subject without one.")
    if ask.by == CHAOS:
        return _by_chaos(ask, mutants, console)
    check_writable(ask.results)
    engine, why = choose_engine(ask.engine)
    check_fit(mutants, resolve(ask.subject, engine.target(), engine.resolve_image).version)
    console.print(f"engine: {why}", soft_wrap=True)
    pairs = pairs_of(ask.subject, mutants)
    both = _RunOfMutants(
        subjects=tuple(pairs),
        scenarios=tuple(dict.fromkeys(scenario for cells in pairs.values() for scenario, _ in cells)),
        doors=tuple(dict.fromkeys(door for cells in pairs.values() for _, door in cells)),
        engine=engine.name,
        database=ask.database,
        results=ask.results.absolute() / f"power-{new_run_id()}",  # of its own, where no other run can move `latest`
        labs=ask.labs,
        start=ask.start,
        clock=ask.clock,
        line=again("power", replace(ask, engine=engine.name)),
    )
    console.print(f"{len(mutants)} mutants of {ask.subject}, and {ask.subject} itself", soft_wrap=True)
    both.results.mkdir(parents=True)
    found, _ = run_unseen(
        both, both.results / "power.log", lambda step: console.print(step, soft_wrap=True), only=pairs
    )
    rows = rows_of(ask.subject, mutants, found.trials)
    console.print()
    console.print(drawn(rows))
    of_mutants = [row for row in rows if row.name != ask.subject]
    caught = sum(row.verdict == "found" for row in of_mutants)
    alarms = sum(row.verdict == "false alarm" for row in rows)
    console.print(f"\n{caught} of {len(of_mutants)} mutants found as what they are, {alarms} false alarms")
    console.print(f"evidence: {both.results}", soft_wrap=True)
    return exit_code(rows)


def _by_chaos(ask: Ask, mutants: Sequence[Overlay], console: Console) -> int:
    """Look for each mutant from the promises alone, then make smaller what found it; returns the exit code."""
    if ask.steps > MOST_STEPS:
        raise UsageError(f"A plan has at most {MOST_STEPS} steps, not {ask.steps}.")
    folder = (ask.into or ask.results / f"power-{new_run_id()}").absolute()
    check_writable(*((folder, "--into") if ask.into else (ask.results, "--results")))
    engine, why = choose_engine(ask.engine)
    check_fit(mutants, resolve(ask.subject, engine.target(), engine.resolve_image).version)
    ask = replace(ask, engine=engine.name, into=folder)
    line = again("power", ask)
    tries = Tries(
        seed=ask.seed, plans=ask.plans, steps=ask.steps, engine=engine.name, database=ask.database, start=ask.start,
        folder=folder, command=line,
    )  # fmt: skip
    say = partial(console.print, soft_wrap=True)
    say(f"engine: {why}")
    sweep(of_the_dead)
    subjects = {f"{ask.subject}+{mutant.name}": True for mutant in mutants} | {ask.subject: False}
    try:
        found = {}
        for subject in subjects:
            say(f"\n{subject}")
            found[subject] = look_for(subject, tries, say)
        reduced = {subject: shrink(subject, found[subject], tries, say) if ask.shrink and is_mutant else None
                   for subject, is_mutant in subjects.items()}  # fmt: skip
    except BaseException:
        say(f"go on:    {line}")
        raise
    rows = [
        row_of(subject, found[subject], made, smallest_of(subject, tries, made), is_mutant=subjects[subject])
        for subject, made in reduced.items()
    ]
    console.print()
    console.print(drawn_by_chaos(rows))
    for text in ["", in_short(rows), f"evidence: {folder}", f"again:    {line}"]:
        say(text)
    return exit_code(rows)


def drawn_by_chaos(rows: Sequence[ByChaos]) -> Table:
    """The rows as a table."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("mutant", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("promises broken")
    for name in ("plans", "s", "CPU s", "steps", "shrunk", "tries", "CPU s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        verdict = Text(row.verdict, style="" if row.verdict in (FOUND, QUIET) else "bold yellow")
        numbers = (row.plans, round(row.seconds), round(row.cpu_seconds), row.steps, row.shrunk, row.tries or None)
        said = ["-" if number is None else str(number) for number in (*numbers, round(row.shrinking) or None)]
        table.add_row(row.name.partition("+")[2] or row.name, verdict, ", ".join(row.news), *said)
    return table


def all_mutants() -> dict[str, Overlay]:
    """The overlays that the harness has to find something by, by name."""
    return {name: overlay for name, overlay in load_overlays().items() if overlay.found}


def choose(names: Sequence[str]) -> list[Overlay]:
    """The mutants named, or all. Raises: UsageError for a name that is no mutant's."""
    known = all_mutants()
    for name in names:
        if name not in known:
            raise no_such("mutant", name, known)
    return [known[name] for name in (dict.fromkeys(names) or known)]


def pairs_of(subject: str, mutants: Sequence[Overlay]) -> dict[str, list[tuple[str, str]]]:
    """Which scenarios and doors each subject is tried through; of the release itself all that a mutant is."""
    pairs: dict[str, list[tuple[str, str]]] = {subject: []}
    for mutant in mutants:
        assert mutant.found
        (scenario,), doors = select_scenarios([mutant.found.scenario]), select_doors(mutant.found.doors)
        cells = [(scenario.name, door.name) for door in doors]
        pairs[f"{subject}+{mutant.name}"] = cells
        pairs[subject] += [cell for cell in cells if cell not in pairs[subject]]
    return pairs


def rows_of(subject: str, mutants: Sequence[Overlay], trials: Sequence[TrialResult]) -> list[Row]:
    """The release's row, and each mutant's, from their trials' entries."""

    def row(name: str, wanted: str, verdict: Callable[[Sequence[TrialResult]], str]) -> Row:
        mine = [trial for trial in trials if trial.subject == name]
        came_to = ", ".join(dict.fromkeys(map(said, mine))) or "nothing"
        return Row(name, wanted, came_to, sum(trial.seconds or 0.0 for trial in mine), verdict(mine))

    rows = [row(subject, "whole", _of_the_release)]
    for mutant in mutants:
        assert mutant.found
        wanted = mutant.found.as_
        rows.append(row(f"{subject}+{mutant.name}", wanted, partial(_of_a_mutant, wanted)))
    return rows


def _of_the_release(trials: Sequence[TrialResult]) -> str:
    """Of the release, no judged trial may lose or alter anything."""
    if any(said(trial) not in WHOLE for trial in trials if not unjudged(trial)):  # rule: power-release-is-quiet
        return "false alarm"
    return "no verdict" if not trials or any(map(unjudged, trials)) else "quiet"


def _of_a_mutant(wanted: str, trials: Sequence[TrialResult]) -> str:
    """Of a mutant, one trial has to come to what is wanted; without any verdict it was not missed."""
    if wanted in [said(trial) for trial in trials if not unjudged(trial)]:  # rule: power-finds-the-mutant
        return "found"
    return "no verdict" if not trials or any(map(unjudged, trials)) else "not found"


def exit_code(rows: Sequence[Row] | Sequence[ByChaos]) -> int:
    """What these rows come to."""
    verdicts = {row.verdict for row in rows}
    if verdicts & {"not found", "false alarm"}:
        return EXIT_CONTRADICTED
    return EXIT_UNJUDGED if "no verdict" in verdicts else EXIT_AS_EXPECTED


def drawn(rows: Sequence[Row]) -> Table:
    """The rows as a table."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("mutant", no_wrap=True)
    for name in ("came to", "wanted", "verdict"):
        table.add_column(name)
    table.add_column("seconds", justify="right", no_wrap=True)
    for row in rows:
        style = STYLES.get(row.came_to, "")
        verdict = Text(row.verdict, style="" if row.verdict in ("found", "quiet") else "bold yellow")
        table.add_row(
            row.name.partition("+")[2] or row.name,
            Text(row.came_to, style=style),
            row.wanted,
            verdict,
            f"{row.seconds:.0f}",
        )
    return table
