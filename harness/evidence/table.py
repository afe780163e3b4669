"""A run as a table: what a terminal shows, and what summary and page are made from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from harness.checkers import load_promises
from harness.evidence.frequency import claim
from harness.evidence.grid import Column, Square, grid_of, subject_of
from harness.verdict.outcomes import UNJUDGED, broken_promises, contradicts, expected_of, objection, said, said_of
from harness.words.names import PREFECT_DEPLOY
from harness.words.outcomes import INCONCLUSIVE
from harness.words.records import TrialResult

# Told apart without red against green, and by the word in any case.
STYLES = {
    "lost": "bold magenta",
    "altered": "bold magenta",
    "stranded": "bold magenta",
    "survived": "bold blue",
    "inconclusive": "yellow",
    "error": "bold yellow",
    "not-applicable": "dim",
    **{f"{name} {one.kept}": "bold blue" for name, one in load_promises().items()},
    **{f"{name} {word}": "bold magenta" for name, one in load_promises().items() for word in one.breaks},
}

_BROKEN = "bold magenta"  # a promise
# Of 80 columns: for a name and for an outcome of the table, and for the names of the picture beside five subjects.
_NAME, _OUTCOME, _PICTURED = 20, 14, 25
_OVERLAY = 12  # of those, for a part of a subject's name


class _Rows:
    """The trials as rows; where 80 columns are not enough, names and outcomes go on in the next line."""

    def __init__(self, trials: Sequence[TrialResult]) -> None:
        self._trials = trials

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Rich's way to draw it, at the width there is."""
        whole = self._drawn("at risk")
        fits = Measurement.get(console, options.update(width=10_000), whole).maximum <= options.max_width
        yield whole if fits else self._drawn("at\nrisk", _OUTCOME, _NAME)

    def _drawn(self, at_risk: str, outcome: int | None = None, names: int = 0) -> Table:
        drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        drawn.add_column("scenario", no_wrap=True)
        drawn.add_column("subject", overflow="fold", min_width=7)  # it alone gives way
        for name in (at_risk, "kept", "lost", "twin"):
            drawn.add_column(name, justify="right", no_wrap=True)
        drawn.add_column("outcome", width=outcome, no_wrap=outcome is None)
        drawn.add_column("seconds", justify="right", no_wrap=True)
        for trial in self._trials:
            scenario, subject, *rest = cells(trial)
            lines = scenario.plain.split("\n")
            drawn.add_row(
                Text("\n".join(_folded(line, names) if names else line for line in lines)),
                Text(_split(subject.plain)) if names else subject,
                *rest,
            )
        return drawn


def table(trials: Sequence[TrialResult]) -> RenderableType:
    """The trials as a table that fits 80 columns, and shows all there is at any width from there on."""
    return _Rows(trials)


def cells(trial: TrialResult) -> list[Text]:
    """One trial's row; an outcome against what is known is marked."""
    outcome = said(trial)
    mark = " (!)" if contradicts(trial) else ""
    broken = "".join(f"\n{name} broken" for name in broken_promises(trial))  # rule: table-broken-promise (gives "")
    seconds = "-" if trial.seconds is None else f"{trial.seconds:.0f}"
    return [
        Text(_trial(trial)),
        Text(subject_of(trial)),
        *(Text(str(count)) for count in counts_of(trial)),
        Text.assemble((outcome + mark, STYLES.get(outcome, "")), (broken, _BROKEN)),
        Text(seconds),
    ]


def _folded(text: str, width: int, indent: str = "") -> str:
    """A name, or a few words, on lines of this width; it is broken at blanks and hyphens."""
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent)


def _split(subject: str) -> str:
    """A subject's name with each of its overlays on lines of its own."""
    name, *overlays = subject.split("+")
    return "\n".join([name, *(_folded(f"+{overlay}", _OVERLAY) for overlay in overlays)])


def counts_of(trial: TrialResult) -> list[object]:
    """At risk, kept, lost, and how many the twin has of its own; a count that was never taken is a dash."""
    if trial.outcome in (None, "not-applicable"):
        return ["-"] * 4
    twin = trial.twin
    return [trial.at_risk, trial.kept, trial.lost, f"{twin.at_risk - twin.lost}/{twin.at_risk}"]


class Picture:
    """The trials as a grid: rows are scenario and door, columns subjects.

    Columns that do not fit the terminal's width beside each other (80 columns hold five) follow below, with their rows.
    A name that would leave less than that goes on in the next line.
    """

    def __init__(self, trials: Sequence[TrialResult]) -> None:
        self._grid = grid_of(trials)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        """Rich's way to draw it, at the width there is."""
        part: list[Column] = []
        names = max(_PICTURED, options.max_width - (80 - _PICTURED))
        for column in self._grid.columns:
            together = self._part([*part, column], names)
            if part and Measurement.get(console, options.update(width=10_000), together).minimum > options.max_width:
                yield self._part(part, names)
                part = []
            part.append(column)
        yield self._part(part, names)

    def _part(self, columns: Sequence[Column], names: int) -> Table:
        drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        drawn.add_column("stage, door", no_wrap=True)
        for column in columns:
            drawn.add_column(f"{self._grid.columns[column]}\n{column[1]}".rstrip(), overflow="fold", min_width=9)
        for scenario, doors in self._grid.rows.items():
            drawn.add_row(Text(_folded(scenario, names), style="bold"))
            for door, squares in doors.items():
                drawn.add_row(Text(_folded(door, names, " ")), *(_drawn(squares[column]) for column in columns))
        return drawn


_SHORT = {"not-applicable": "n/a", "inconclusive": "unclear"}


def _drawn(square: Square | None) -> Text:
    """One cell of the grid in a terminal."""
    if square is None:
        return Text("")
    words = " ".join(filter(None, (_SHORT.get(square.outcome, square.outcome), square.often)))
    broken = "".join(f"\n{name} broken" for name in square.broken)
    return Text.assemble((words + ("!" if square.against else ""), STYLES.get(square.outcome, "")), (broken, _BROKEN))


def _trial(trial: TrialResult) -> str:
    """The scenario, and below it the door where that is another than `prefect deploy`."""
    return trial.scenario if trial.door == PREFECT_DEPLOY else f"{trial.scenario}\n{trial.door}"


def footnotes(trials: Sequence[TrialResult], releases: Sequence[str] = ()) -> list[str]:
    """A line for each thing in the table that a reader would ask about; what holds for several trials is said once.

    releases: all that lie between the first and the last; neighbours among them are named by their ends.
    """
    lines: dict[str, dict[str, list[str]]] = {}  # what is said, of which trials, of which subjects
    for trial in trials:
        for text, mark in _asked(trial):
            name = _trial(trial).replace("\n", ", ")
            subjects = lines.setdefault(text, {}).setdefault(mark + name, [])
            subjects += [trial.subject] if trial.subject not in subjects else []
    notes = sorted({f"{trial.subject}: {trial.note}" for trial in trials if trial.note})
    said = []
    for text, trials_of in lines.items():
        where = [f"{name} on {', '.join(spans(subjects, releases))}" for name, subjects in trials_of.items()]
        said.append(f"{'; '.join(where)}: {text.rstrip('.')}.")
    return [*said, *notes, *claim(trials)]


def _asked(trial: TrialResult) -> Iterator[tuple[str, str]]:
    """What a reader would ask about one trial, each with its mark: `(!) ` where it contradicts what is known."""
    if against := objection(trial):
        yield against, "(!) "
    elif trial.outcome in ("error", "inconclusive", "not-applicable"):
        yield f"{trial.outcome}: {trial.reason}", ""
    elif trial.reference and not expected_of(trial):  # rule: table-not-asked (never)
        yield f"{said(trial)}: {trial.reference}", ""
    for name, promise in trial.promises.items():
        news = name in broken_promises(trial) and promise.expected is None  # rule: promise-news (without first)
        told = promise.outcome == INCONCLUSIVE and (promise.expected or name == trial.judged_by)
        often = bool(promise.sometimes) and promise.as_expected is None
        if trial.outcome in UNJUDGED:
            continue
        if news or told or promise.sometimes:
            yield said_of(name, promise) + (". So it says nothing here; run it again" if often else ""), ""


def spans(subjects: Sequence[str], releases: Sequence[str]) -> list[str]:
    """The subjects, those that are neighbours in `releases` as `FIRST to LAST`; in their order."""
    place = {release: number for number, release in enumerate(releases)}
    said: list[list[str]] = []
    for subject in subjects:
        if said and place.get(subject, -1) == place.get(said[-1][-1], -3) + 1:
            said[-1].append(subject)
        else:
            said.append([subject])
    return [span[0] if len(span) == 1 else f"{span[0]} to {span[-1]}" for span in said]
