"""What an experiment showed: as Markdown, and as a picture; a row a practice, a column a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from harness.commands._atlas_page import AtlasTrial
from harness.evidence.frequency import ground
from harness.runs.experiments import Case, Experiment
from harness.verdict.practices import (
    DOES_NOTHING,
    HARMS,
    NOT_NEEDED,
    PROTECTS,
    REDUCES,
    UNTOLD,
    Harm,
    answer,
    harm_of,
)

_COLOURS = {
    PROTECTS: "#2e7d32", REDUCES: "#7cb342", DOES_NOTHING: "#9e9e9e", HARMS: "#c62828", NOT_NEEDED: "#90a4ae",
    UNTOLD: "#bdbdbd",
}  # fmt: skip
_WORDS, _CELL, _ROW, _HEAD = 440, 150, 44, 34  # pixels


@dataclass(frozen=True)
class Told:
    """The answer for one practice on one subject."""

    without: Harm | None
    practice: Harm | None

    @property
    def answer(self) -> str:
        return answer(self.without, self.practice)

    def __str__(self) -> str:
        both = f"{_said(self.without)} without, {_said(self.practice)} with"
        new = sorted(self.practice.broken - self.without.broken) if self.without and self.practice else []
        return both + (f"; broken with it: {', '.join(new)}" if new and self.answer == HARMS else "")


def _said(harm: Harm | None) -> str:
    return f"{harm.hurt} of {harm.at_risk}" if harm else "no verdict"


def told_of(experiment: Experiment, trials: Sequence[AtlasTrial]) -> list[tuple[str, Mapping[str, Told]]]:
    """Each practice in words, with the answer for each subject that was tried."""
    subjects = list(dict.fromkeys(trial.subject for trial in trials))

    def harm(case: Case, subject: str) -> Harm | None:
        mine = (case.scenario, case.door, case.at, subject)
        return harm_of([one for one in trials if (one.scenario, one.door, one.at, one.subject) == mine])

    return [
        (one.words, {subject: Told(harm(one.without, subject), harm(one.case, subject)) for subject in subjects})
        for one in experiment.practices
    ]


def page(experiment: Experiment, trials: Sequence[AtlasTrial], command: str) -> str:
    """The experiment as Markdown."""
    told, head = told_of(experiment, trials), ["practice", *_columns(trials)]
    days = sorted(trial.run[:8] for trial in trials)
    lines = [
        f"# {experiment.name}",
        "",
        f"**Hypothesis.** {experiment.hypothesis}",
        "",
        "Each square is measured on real servers: how many of the runs at risk are gone, altered or left behind after "
        "a plain `prefect deploy` of the same backlog, and with the practice. If a scenario is judged by its ticks: "
        "how many ticks have no run, or several.",
        "",
        "![The answers as a picture](measured.svg)",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {words} | " + " | ".join(f"**{one.answer}**: {one}" for one in by.values()) + " |" for words, by in told),
        "",
        f"{len(trials)} trials, {days[0]} to {days[-1]} (year, month, day), on "
        f"{'; '.join(sorted({ground(trial) for trial in trials}))}; "
        f"harness at {', '.join(sorted({str(trial.harness)[:7] for trial in trials}))}.",
        "",
        f"Measured by `{command}`. The data stand beside this page.",
        "",
    ]
    return "\n".join(lines)


def picture(experiment: Experiment, trials: Sequence[AtlasTrial]) -> str:
    """The answers as an SVG, 900 pixels wide with three subjects."""
    told, columns = told_of(experiment, trials), _columns(trials)
    width, height = _WORDS + _CELL * len(columns), _HEAD + _ROW * len(told)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(experiment.name)}: {escape(experiment.hypothesis)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    parts.append(_text(8, _HEAD - 12, "runs at risk that were hurt: without → with it"))
    for column, named in enumerate(columns):
        x = _WORDS + _CELL * column + _CELL / 2
        parts.append(_text(x, _HEAD - 12, named, middle=True, weight="bold"))
    for row, (words, by) in enumerate(told):
        y = _HEAD + _ROW * row
        parts.append(_text(8, y + _ROW / 2 + 4, words))
        for column, one in enumerate(by.values()):
            x = _WORDS + _CELL * column
            parts.append(
                f'<rect x="{x + 2}" y="{y + 2}" width="{_CELL - 4}" height="{_ROW - 4}" rx="4" '
                f'fill="{_COLOURS[one.answer]}"/>'
            )
            parts.append(_text(x + _CELL / 2, y + 18, one.answer, middle=True, weight="bold", fill="#ffffff"))
            numbers = f"{_said(one.without)} → {_said(one.practice)}"
            parts.append(_text(x + _CELL / 2, y + 34, numbers, middle=True, fill="#ffffff"))
    return "\n".join([*parts, "</svg>", ""])


def _columns(trials: Sequence[AtlasTrial]) -> list[str]:
    """The name of each subject, with its version first if that is another word."""
    versions = {trial.subject: trial.version or trial.subject for trial in trials}
    return [subject if subject == version else f"{version} ({subject})" for subject, version in versions.items()]


def _text(
    x: float, y: float, words: str, *, middle: bool = False, weight: str = "normal", fill: str = "#222222"
) -> str:
    anchor = ' text-anchor="middle"' if middle else ""
    return f'<text x="{x:g}" y="{y:g}"{anchor} font-weight="{weight}" fill="{fill}">{escape(words)}</text>'
