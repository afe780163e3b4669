"""The trials as a grid: rows are scenario and door, columns subjects; for a terminal and for the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.evidence.frequency import grounds
from harness.verdict.outcomes import broken_promises, contradicts, said
from harness.words.records import TrialResult

Column = tuple[str, str]  # a subject, and what it ran on if the run was on more than one


@dataclass(frozen=True)
class Square:
    """What one cell of the grid shows.

    outcome  of several repetitions, the least frequent one: that is what a reader must see
    often    how many of how many came to it, if there are several
    against  whether any of them contradicts what is known
    trial    the first that came to it
    broken   the promises that any of them says are broken
    """

    outcome: str
    often: str
    against: bool
    trial: TrialResult
    broken: Sequence[str] = ()


@dataclass(frozen=True)
class Grid:
    """The columns with their headings, and of each scenario and door the square in each column; None for no trial."""

    columns: Mapping[Column, str]
    rows: Mapping[str, Mapping[str, Mapping[Column, Square | None]]]


def grid_of(trials: Sequence[TrialResult]) -> Grid:
    """The trials as a grid; scenarios, doors and subjects in the order in which they come first."""
    found: dict[str, dict[str, dict[Column, list[TrialResult]]]] = {}
    columns: dict[Column, str] = {}
    for trial, ground in zip(trials, grounds(trials), strict=True):
        column = (trial.subject, ground)
        columns[column] = subject_of(trial)
        found.setdefault(trial.scenario, {}).setdefault(trial.door, {}).setdefault(column, []).append(trial)
    rows = {
        scenario: {
            door: {column: _square(there.get(column, ())) for column in columns} for door, there in doors.items()
        }
        for scenario, doors in found.items()
    }
    return Grid(columns, rows)


def _square(repeated: Sequence[TrialResult]) -> Square | None:
    if not repeated:
        return None
    outcomes = Counter(said(trial) for trial in repeated)
    outcome, times = outcomes.most_common()[-1]
    often = "" if len(repeated) == 1 else f"{times}/{len(repeated)}"
    first = next(trial for trial in repeated if said(trial) == outcome)
    broken = dict.fromkeys(name for trial in repeated for name in broken_promises(trial))
    return Square(outcome, often, any(map(contradicts, repeated)), first, list(broken))


def subject_of(trial: TrialResult) -> str:
    """The subject, with the version that the server said if that is another word."""
    version = trial.version
    return (
        trial.subject
        if version in (None, trial.subject, trial.subject.partition("+")[0])
        else f"{trial.subject} ({version})"
    )
