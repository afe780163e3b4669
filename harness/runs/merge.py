"""Joins the results folders of several runs into one: what a matrix that was spread over machines came to."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from harness.doors import load_doors
from harness.evidence import Run, write_evidence
from harness.runs.plan import plan_cell
from harness.runs.recheck import recheck
from harness.store.checksums import sums_of, write_checksums
from harness.store.results import (
    check_writable,
    evidence_of,
    read_results,
    read_run,
    runs_of,
    write_results,
    write_run,
)
from harness.store.trial_folder import result
from harness.trials.scenario import select_scenarios
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_UNJUDGED, exit_code
from harness.words.errors import UsageError
from harness.words.plan import Plan
from harness.words.records import RunFacts, TrialResult


@dataclass(frozen=True)
class Joined:
    """What several runs came to together.

    trials     their entries
    broken     the runs that ended otherwise than by their trials (the harness broke, or was interrupted), and those
               that say what they have no evidence of, in words
    exit_code  by the trials; 125 instead of 0 where a run is broken
    """

    trials: list[TrialResult]
    broken: list[str]

    @property
    def exit_code(self) -> int:
        by_trials = exit_code(self.trials)
        # rule: merge-broken-part (never)
        return EXIT_UNJUDGED if self.broken and by_trials == EXIT_AS_EXPECTED else by_trials


def merge(folders: Sequence[Path], into: Path, planned: Sequence[dict[str, str]] = ()) -> Joined:
    """Copy every trial's evidence into a new folder and write results.json, run.json, summary.md and junit.xml there.

    A cell that several runs tried counts as so many repetitions of it. `planned` is what should be there, by `subject`
    and `scenario` (`harness cells`): what is not has no outcome, so that a machine that was lost is never a success.
    A run that was changed, or whose entries do not follow from its histories, is not joined; one that did not come to
    its end, or has no evidence of a trial, makes no success. Raises: UsageError for what cannot be joined, before
    anything is written.
    """
    runs = [(folder, read_results(folder), _facts_of(folder)) for folder in folders]
    sums: dict[str, Path] = {}
    names = [name for _, _, facts in runs for name in facts]
    if twice := [name for name in names if names.count(name) > 1]:  # rule: merge-same-run-twice (one more)
        raise UsageError(f"The run {twice[0]} is given twice; it would count as two repetitions.")
    for folder in folders:
        if said := sums_of(folder):
            if twin := sums.get(said):  # rule: merge-copy
                raise UsageError(f"{str(folder)!r} is a copy of {str(twin)!r}; it would count as two repetitions.")
            sums[said] = folder
    looks = {folder: recheck(folder) for folder in folders}
    for folder, look in looks.items():
        if look.refused:  # rule: merge-refused-run
            raise UsageError(
                f"{str(folder)!r} does not hold, and is not joined: {look.refused[0]:.300}\n"
                f"`harness recheck {folder}` says all."
            )
    if into.is_symlink() or (into.exists() and (not into.is_dir() or any(into.iterdir()))):
        raise UsageError(f"{str(into)!r} is no empty folder; name a new one.")
    every = [trial for _, results, _ in runs for trial in results.trials]
    there = {(trial.subject, trial.scenario) for trial in every}
    # rule: merge-lost-machine (never)
    missing = [_missing(cell, every) for cell in planned if (cell["subject"], cell["scenario"]) not in there]
    check_writable(into, "--into")
    entries: list[TrialResult] = []
    repetitions: Counter[str] = Counter()
    for folder, results, _ in runs:
        targets: dict[str, str] = {}  # by the names that the folders of this run's trials had
        mine: list[TrialResult] = []
        for trial in results.trials:
            evidence = evidence_of(folder, trial)
            name = evidence.name.removesuffix(f"--{trial.repetition}")
            repetitions[name] += 1
            number = repetitions[name]  # rule: merge-cell-by-folder (gives 1)
            target = f"trials/{name}" if number == 1 else f"trials/{name}--{number}"
            if evidence.is_dir() and not evidence.is_symlink():
                shutil.copytree(evidence, into / target, ignore=_links)
            targets[evidence.name] = target.rpartition("/")[2]
            mine.append(replace(trial, folder=target, repetition=number))
        # rule: merge-keeps-controls
        entries += [replace(trial, control=targets.get(trial.control, trial.control)) for trial in mine]
    broken = [
        f"{', '.join(facts)}: ended with {results.exit_code}, by its trials {by_trials}"
        for _, results, facts in runs
        if results.exit_code != (by_trials := exit_code(results.trials))
    ]
    # rule: merge-unended (never)
    broken += [f"{folder}: {look.unended}" for folder, look in looks.items() if look.unended]
    broken += [
        f"{folder}: no evidence of {len(look.bare)} of its trials, {look.bare[0]} for one"
        for folder, look in looks.items()
        if look.bare  # rule: merge-no-evidence (never)
    ]
    joined = Joined(entries + missing, broken)
    seconds = sum(results.seconds for _, results, _ in runs)
    write_results(into, joined.trials, exit_code=joined.exit_code, seconds=seconds)
    made = RunFacts(merged=[part for *_, facts in runs for part in facts.values()])
    write_run(into, made)
    write_evidence(Run.read(into), into, nullcontext)
    write_checksums(into)
    return joined


def _links(folder: str, names: list[str]) -> list[str]:
    """What is a link in a folder: evidence holds none, and what one names is no part of it."""
    return [name for name in names if (Path(folder) / name).is_symlink()]


def _facts_of(folder: Path) -> dict[str, RunFacts]:
    """What run.json says of each run that is in a folder (several, where they were joined before), by its id."""
    return {one.run or str(folder): one for one in runs_of(read_run(folder))}


def _missing(cell: dict[str, str], entries: Sequence[TrialResult]) -> TrialResult:
    """The entry of a cell that no run brought along: planned like the others, and without an outcome."""
    (scenario,) = select_scenarios([cell["scenario"]])
    engine = entries[0].engine if entries else "unknown"
    door = load_doors()[scenario.usual_door]
    planned = plan_cell(scenario, door, subject=cell["subject"], version="", as_of="", engine=engine, engine_detail="")
    reason = "no run that was joined holds this trial"
    return replace(result(Plan("merged", Path(), []), planned, [], None), reason=reason)
