"""The page of an atlas: what each trial came to, a row for each release."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from msgspec import structs

from harness.evidence.frequency import ground
from harness.evidence.table import footnotes
from harness.verdict.outcomes import broken_promises, contradicts, said
from harness.words.records import TrialResult


class AtlasTrial(TrialResult, frozen=True, kw_only=True):
    """An entry of results.json, the run that it came from, and the commit of the harness that ran it."""

    run: str
    harness: str | None


def page(trials: Sequence[AtlasTrial], command: str) -> str:
    """The atlas as Markdown: a row a release, a column a scenario and door."""
    releases = releases_of(trials)
    days = sorted(trial.run[:8] for trial in trials)
    grounds = sorted({ground(trial) for trial in trials})
    commits = sorted({str(trial.harness)[:7] for trial in trials})
    lines = [
        "# Atlas: what became of the runs, by release",
        "",
        "Each square is one trial on a real server of that release, with the packages of its own day: of the runs at "
        "risk, how many were lost; `survived` means that none was. Wherever there is a verdict, a twin that nobody "
        "touched lost none. A promise that was broken beside that is named. (!) contradicts what is known upstream.",
        "",
        f"## {len(releases)} releases, neighbours of the same outcomes together (how many were tried)",
        "",
        *_rows(in_short(trials), _outcome),
        "",
        *(f"- {line}" for line in footnotes(trials, releases)),
        "",
        "## Each release",
        "",
        *_rows(trials, _square),
        "",
        f"Tried {days[0]} to {days[-1]} (year, month, day) on {'; '.join(grounds)}; harness at {', '.join(commits)}. "
        "The data stand beside this page, a trial's entry of results.json each.",
        "",
        f"Last gone on with by `{command}`; asked again, it tries what it lacks.",
        "",
    ]
    return "\n".join(lines)


def releases_of(trials: Sequence[AtlasTrial]) -> list[str]:
    """The releases of an atlas's trials, oldest first."""
    return list(dict.fromkeys(trial.subject for trial in trials))


def in_short(trials: Sequence[AtlasTrial]) -> list[AtlasTrial]:
    """The trials of one release of each span of neighbours of the same outcomes; its subject is the span's name."""
    columns, cells = _columns(trials), {cell_of(trial): trial for trial in trials}

    def outcomes(release: str) -> list[str]:
        return [_outcome(cells.get((release, *column))) for column in columns]

    short = []
    releases = releases_of(trials)
    for _, together in itertools.groupby(releases, key=outcomes):
        span = list(together)
        name = span[0] if len(span) == 1 else f"{span[0]} to {span[-1]} ({len(span)})"
        mine = (cells.get((span[0], *column)) for column in columns)
        short += [structs.replace(trial, subject=name, version=name) for trial in mine if trial]
    return short


def _columns(trials: Sequence[AtlasTrial]) -> list[tuple[str, str]]:
    return sorted({(trial.scenario, trial.door) for trial in trials})


def _rows(trials: Sequence[AtlasTrial], square: Callable[[AtlasTrial | None], str]) -> list[str]:
    """A table in Markdown: a row a release, a column a scenario and door."""
    columns, cells = _columns(trials), {cell_of(trial): trial for trial in trials}
    return [
        "| release | " + " | ".join(f"{scenario}<br>{door}" for scenario, door in columns) + " |",
        "|---|" + "---|" * len(columns),
        *(
            f"| {release} | " + " | ".join(square(cells.get((release, *column))) for column in columns) + " |"
            for release in releases_of(trials)
        ),
    ]


def _outcome(trial: AtlasTrial | None) -> str:
    """What it came to, and the promises that are broken beside that."""
    if trial is None:
        return ""
    beside = "".join(f", {name} broken" for name in broken_promises(trial))  # rule: atlas-broken-promise (gives "")
    return said(trial) + beside + (" (!)" if contradicts(trial) else "")


def _square(trial: AtlasTrial | None) -> str:
    """Its outcome, with how many of how many were lost."""
    if trial is None or said(trial) != "lost":
        return _outcome(trial)
    return _outcome(trial).replace("lost", f"lost {trial.lost}/{trial.at_risk}")


def cell_of(trial: AtlasTrial) -> tuple[str, str, str]:
    """The release, the scenario and the door of a trial: an atlas has one trial of each."""
    return trial.subject, trial.scenario, trial.door
