"""A second look at saved verdicts: the checkers again, over the saved histories alone. No engine, no network."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from packaging.version import InvalidVersion

from harness.doors import load_doors
from harness.evidence import Run, made_again
from harness.history import opening_of
from harness.runs.conclude import views_from_history
from harness.runs.controls import control_of, held
from harness.runs.declared import declared_otherwise
from harness.runs.differences import IN_WORDS, OF_THE_COPY, differences
from harness.runs.once import Once
from harness.runs.plan import plan_cell
from harness.runs.taken import Taken
from harness.store.bundle import is_bundle, unpack
from harness.store.checksums import NAME as SUMS
from harness.store.checksums import check_checksums
from harness.store.results import (
    UNKNOWN,
    evidence_of,
    fields_added,
    harness_commit,
    harness_words,
    read_results,
    read_run,
    runs_of,
)
from harness.store.trial_folder import VERDICT, from_history, planned, read_trial
from harness.trials.scenario import load_scenarios
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_UNJUDGED, NOT_APPLICABLE, Verdict, exit_code, judge
from harness.words.events import HISTORY_SCHEMA, Event
from harness.words.names import SIGNALS
from harness.words.plan import unnumbered
from harness.words.records import RunFacts, RunResult, TrialResult
from harness.words.redaction import redact

_GONE = "its history is gone"
_INTERRUPTED = {128 + number for number in SIGNALS}


@dataclass(frozen=True)
class Rejudged:
    """One trial: its saved entry, the outcome of its history now, and what differs, a phrase each."""

    saved: TrialResult
    again: str | None
    differences: Sequence[str]


@dataclass(frozen=True)
class _Maker:
    """What made a run: `merge`, this very harness (`same`); what the control of a trial came to, judged anew."""

    merged: bool
    same: bool
    control: TrialResult | None = None


@dataclass(frozen=True)
class SecondLook:
    """What a second look at a run found.

    harness   the versions that made it: a commit each (several where runs were joined), as run.json has them
    problems  what is wrong with its files: a line each
    unended   why it is a run that did not come to its end; empty where it did
    trials    those that had a history, or should have
    """

    harness: Sequence[str]
    problems: Sequence[str]
    unended: str
    trials: Sequence[Rejudged]

    @property
    def objections(self) -> list[str]:
        """All that is wrong, a line each."""
        gone = (_one_line(f"{name!r}: {_GONE}") for name in self.bare)
        return [*filter(None, [self.unended]), *self.refused, *gone]

    @property
    def refused(self) -> list[str]:
        """What was changed, or does not follow from the histories, a line each."""
        differing = [trial for trial in self.trials if trial.differences and trial.again is not None]
        differences = (f"{Path(trial.saved.folder).name!r}: {'; '.join(trial.differences)}" for trial in differing)
        return [_one_line(said) for said in (*self.problems, *differences)]

    @property
    def bare(self) -> list[str]:
        """The trials whose history is gone, by the names of their folders."""
        return [Path(trial.saved.folder).name for trial in self.trials if trial.again is None]

    @property
    def holds(self) -> bool:
        """Whether every verdict holds, on files that nobody changed."""
        return not self.objections


def _one_line(said: str) -> str:  # a file may say several, and one of them what only this harness says
    return " ".join(said.split())


def recheck(run: Path) -> SecondLook:
    """Judge a run, or a bundle of one, again. Raises UsageError for what is neither."""
    with opened(run) as folder:
        results, facts = read_results(folder), read_run(folder)
        made_by, now = _harness(facts), harness_words(harness_commit())
        same = made_by == [now] != [UNKNOWN]
        entries, merged = results.trials, facts.merged is not None
        problems = [*_unheld_folders(folder, entries), *_unplanned(facts, entries, same=same), *_exit_code(results)]
        problems += [said for entry in entries if not _is_told(folder, entry) for said in _not_applicable(entry)]
        unended = "" if results.exit_code is not None else "results.json has no exit code: the run was cut off"
        if (folder / SUMS).exists():
            problems += check_checksums(folder)
        else:
            unended = check_checksums(folder)[0]
        taken, once, trials, wrong = Taken(), Once(), [], list[str]()
        for entry in entries:
            own = evidence_of(folder, entry)
            events = read_trial(own / "history.jsonl")
            verdict = judge(events)
            taken.add(events)
            problems += once.add(own, events)
            if same:  # another harness may use other words in its views  # rule: recheck-other-commit (always)
                wrong += _views_of_a_trial(own, events, verdict)
            if _is_told(folder, entry):
                maker = _Maker(merged, same, control_of(folder, entry, events, entries))
                trials.append(_trial(own, entry, events, verdict, maker))
        problems += taken.differences()  # rule: recheck-told-twice
        if same:  # rule: recheck-other-commit (always)
            problems += fields_added(folder)
            wrong += _views_of_a_run(Run(folder, results, facts))
        problems += [f"{name!r} is not what its histories come to" for name in wrong]
        return SecondLook(made_by, problems, unended, trials)


def _exit_code(results: RunResult) -> list[str]:
    """What is wrong with a run's exit code: the trials say which it is, or 125 where the harness broke beside them."""
    said, code = results.exit_code, exit_code(results.trials)
    if said is None or said in _INTERRUPTED or said == code or (said, code) == (EXIT_UNJUDGED, EXIT_AS_EXPECTED):
        return []
    return [f"results.json says exit code {said}; its trials come to {code}"]  # rule: recheck-exit-code


def _unheld_folders(folder: Path, entries: Sequence[TrialResult]) -> list[str]:
    """Which folders of trials have no entry, or several."""
    named = Counter(evidence_of(folder, entry).name for entry in entries)
    there = [path.name for path in sorted((folder / "trials").glob("*"))]
    # rule: recheck-one-entry (never)
    problems = [f"trials/{name} has no entry in results.json" for name in there if name not in named]
    return problems + [f"trials/{name} is named by {times} entries" for name, times in named.items() if times > 1]


def _unplanned(facts: RunFacts, entries: Sequence[TrialResult], *, same: bool) -> list[str]:
    """Which trials were planned and have no entry, or have one and were not planned; of runs that say what was."""
    plans = [one.planned for one in runs_of(facts)]
    if None in plans:  # another harness may not have said it
        # rule: recheck-says-what-was-planned (never)
        return ["run.json does not say which trials were planned"] if same else []
    planned = Counter(unnumbered(name) for plan in plans for name in plan or ())
    entered, begun = (
        Counter(unnumbered(Path(entry.folder).name) for entry in entries if entry.outcome or not outcome)
        for outcome in (False, True)  # `merge` enters what nobody brought along, without an outcome
    )
    lacking = {name: times - entered[name] for name, times in planned.items() if entered[name] < times}
    added = {name: times - planned[name] for name, times in begun.items() if planned[name] < times}
    # rule: recheck-planned-has-an-entry (gives []), recheck-entry-was-planned (gives [])
    return [f"trials/{name}: {lacks} more planned than results.json has" for name, lacks in lacking.items()] + [
        f"trials/{name}: {more} more in results.json than were planned" for name, more in added.items()
    ]


def _views_of_a_trial(own: Path, events: list[Event], verdict: Verdict) -> list[str]:
    """Which of the files that show a trial to a reader differ from what its history comes to now."""
    wrong = []
    for name, made in views_from_history(events, verdict).items():
        if not shows(own / name, made):  # rule: recheck-trial-views
            wrong.append(f"trials/{own.name}/{name}")
    return wrong


def _views_of_a_run(run: Run) -> list[str]:
    """Which of the files that show a run to a reader differ from what they are made of."""
    # rule: recheck-run-views (never)
    return [name for name, made in made_again(run).items() if not shows(run.folder / name, made)]


def shows(path: Path, made: str) -> bool:
    """Whether a file, if it is there, holds what was made again; of a trial's verdict.json, what no copy changes."""
    try:
        saved = path.read_bytes().decode()
    except (OSError, ValueError):
        return not path.exists()
    if path.name == VERDICT:
        with suppress(ValueError, AttributeError):
            return _of_any_copy(saved) == _of_any_copy(made)
    return redact(saved) == redact(made)


def _of_any_copy(verdict: str) -> dict[str, Any]:
    return {key: value for key, value in json.loads(redact(verdict)).items() if key not in OF_THE_COPY}


def _is_told(folder: Path, entry: TrialResult) -> bool:
    """Whether there is a history to hold an entry against, or should be: not of what was never started."""
    started = entry.outcome not in (NOT_APPLICABLE, None)
    return started or (evidence_of(folder, entry) / "history.jsonl").exists()  # rule: recheck-never-begun


@contextmanager
def opened(run: Path) -> Iterator[Path]:
    """The folder of a run, or of a bundle of one. Raises: UsageError for an archive that is no bundle."""
    if not is_bundle(run):
        yield run
        return
    with TemporaryDirectory(prefix="recheck-") as folder:
        yield unpack(run, Path(folder))


def _trial(own: Path, saved: TrialResult, events: list[Event], verdict: Verdict, maker: _Maker) -> Rejudged:
    """One trial compared with its history, which holds its plan, and with what that is judged to be now."""
    if not (own / "history.jsonl").exists():
        return Rejudged(saved, None, [_GONE])
    same = maker.same
    again = redact.value(held(from_history(events, verdict), saved, maker.control))
    was = msgspec.to_builtins(saved)
    opening = opening_of(events)
    schema = opening.schema if opening else HISTORY_SCHEMA
    if same and schema != HISTORY_SCHEMA:  # rule: recheck-schema
        differs = f"its history has schema {schema}, and this harness writes {HISTORY_SCHEMA}"
        return Rejudged(saved, again["outcome"], [differs])
    if same and (otherwise := declared_otherwise(events)):
        return Rejudged(saved, again["outcome"], [otherwise])
    left_out = (OF_THE_COPY if maker.merged else set()) | (set() if same else IN_WORDS)
    return Rejudged(saved, again["outcome"], differences(was, again, planned(events), left_out, same=same))


def _not_applicable(saved: TrialResult) -> list[str]:
    """What is wrong with a trial that was not begun, where its release is said to be unable to stage it."""
    if saved.outcome is None:
        return []
    scenario, door = load_scenarios().get(saved.scenario), load_doors().get(saved.door)
    with suppress(InvalidVersion, TypeError):
        cell = scenario and door and plan_cell(
            scenario, door, subject=saved.subject, version=saved.version or "", as_of="", engine=saved.engine,
            engine_detail="", versions=saved.versions,
        )  # fmt: skip
        if cell and cell.outcome == NOT_APPLICABLE:
            return []
    # rule: recheck-not-applicable (gives [])
    return [f"{Path(saved.folder).name!r} is called not-applicable, and it is not"]


def _harness(facts: RunFacts) -> list[str]:
    return list(dict.fromkeys(harness_words(one.harness) for one in runs_of(facts)))
