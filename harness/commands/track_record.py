"""What saved runs say of each bug: lost on which releases, kept on which, last seen when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from packaging.version import InvalidVersion, Version
from rich.console import Console

from harness.doors import load_doors
from harness.known import BY_DESIGN, known_for
from harness.store.results import read_results, read_run, read_verdict
from harness.trials.scenario import load_scenarios
from harness.verdict.outcomes import EXIT_AS_EXPECTED
from harness.words.errors import UsageError
from harness.words.names import SURVIVAL
from harness.words.options import Argument, Option
from harness.words.records import TrialResult

DESCRIPTION = "A table in Markdown, from results folders; --into puts it between its marks in a page."
BEGIN, END = "<!-- track record -->", "<!-- end of the track record -->"
_OPTIONS = {"scenario": "scenario", "door": "door", "subject": "version"}
_DAY = re.compile(r"^(\d{4})(\d{2})(\d{2})-")


@dataclass(frozen=True)
class Seen:
    """One verdict: of which bug (its reference), in which cell, on which release, on which day, by which line."""

    reference: str
    scenario: str
    door: str
    version: str
    outcome: str
    day: str
    command: str


@dataclass
class Row:
    """One bug, with all that was seen of the cells that it was seen in."""

    reference: str
    lost: list[Seen] = field(default_factory=list)
    kept: list[Seen] = field(default_factory=list)


def gather(folders: Iterable[Path]) -> list[Seen]:
    """Every verdict in these results folders on a release as such. Raises UsageError for what is no results folder."""
    found = []
    for folder in folders:
        results, facts = read_results(folder), read_run(folder)
        made = _DAY.match(facts.run or folder.resolve().name)
        day = "-".join(made.groups()) if made else "unknown"
        for trial in results.trials:
            if trial.outcome in ("lost", "survived") and trial.judged_by == SURVIVAL:
                options = " ".join(f"--{name} {getattr(trial, key)}" for name, key in _OPTIONS.items())
                again = f"nox -s reproduce -- {options}"  # where an earlier harness saved none
                saved = read_verdict(folder, trial)
                command = (saved and saved.command) or again
                names = (trial.scenario, trial.door, str(trial.version))
                found.append(Seen(_reference(trial), *names, trial.outcome, day, command))
    return found


def _reference(trial: TrialResult) -> str:
    """The reference that explains the verdict today; the entry may have none yet, or another."""
    scenario, door = load_scenarios().get(trial.scenario), load_doors().get(trial.door)
    known = known_for(scenario.backlog, door, str(trial.version), trial.versions) if scenario and door else None
    return known.reference if known and known.outcome == trial.outcome else trial.reference


def rows_of(seen: Sequence[Seen]) -> list[Row]:
    """A row for each bug: what it lost, and what the same cells kept on other releases. A loss by design is no bug."""
    rows: dict[str, Row] = {}
    of_cell: dict[tuple[str, str], str] = {}
    for one in seen:
        if one.outcome == "lost" and one.reference and not one.reference.startswith(BY_DESIGN):
            rows.setdefault(one.reference, Row(one.reference)).lost.append(one)
            of_cell[one.scenario, one.door] = one.reference
    for one in seen:
        if one.outcome == "survived" and (bug := of_cell.get((one.scenario, one.door))):
            rows[bug].kept.append(one)
    return sorted(rows.values(), key=lambda row: row.reference)


def table(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown."""
    lines = ["| what | through | lost on | kept on | last seen lost | again |", "|---|---|---|---|---|---|"]
    for row in rows:
        last = max(row.lost, key=lambda one: (one.day, _order(one.version)))
        scenarios, doors = ({getattr(one, name) for one in row.lost} for name in ("scenario", "door"))
        cells = [
            f"{_linked(row.reference)}: {_listed(scenarios)}",
            _listed(doors),
            _range(row.lost),
            _range(row.kept) or "not seen kept",
            f"{last.day}, {last.version}",
            f"`{last.command}`" if last.command else "",
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def put_into(page: Path, text: str) -> None:
    """Replace what stands between the two marks in a page. Raises: UsageError for a page without them."""
    if not page.is_file():  # a device may have no end
        raise UsageError(f"{str(page)!r} is no file; name a page that has the marks.")
    try:
        whole = page.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{str(page)!r} cannot be read: {error}.") from None
    head, begin, rest = whole.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"{str(page)!r} has no {BEGIN} with an {END} after it.")
    page.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")


def _order(version: str) -> Version:
    try:
        return Version(version)
    except InvalidVersion:
        return Version("0")


def _range(seen: Sequence[Seen]) -> str:
    """The releases that were tried, some left out if they are many; it says nothing of releases between them."""
    versions = sorted({one.version for one in seen}, key=_order)
    return ", ".join(versions if len(versions) <= 6 else [*versions[:2], "…", *versions[-3:]])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _linked(reference: str) -> str:
    issue = re.fullmatch(r"([\w.-]+/[\w.-]+)#(\d+)", reference)
    if issue:
        return f"[{reference}](https://github.com/{issue[1]}/issues/{issue[2]})"
    return f"[{Path(reference).name}]({reference}/README.md)" if reference.startswith("docs/") else reference


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    folders: Annotated[tuple[Path, ...], Argument("FOLDER", "results folders")]
    into: Annotated[Path | None, Option("a page with the marks, such as README.md", metavar="PAGE")] = None


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    text = table(rows_of(gather(ask.folders)))
    if ask.into:
        put_into(ask.into, text)
    else:
        console.print(text, soft_wrap=True)
    return EXIT_AS_EXPECTED
