"""What a deploy of a person's own project would do to its backlog and to the next week, for each deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from harness.checkers._oracle import ticks_between
from harness.checkers._schedules import deployments_at
from harness.evidence._writer import Run, RunWriter
from harness.evidence.markdown import fenced, in_cell
from harness.history import moment, of_kind
from harness.store.results import evidence_of
from harness.store.trial_folder import read_trial
from harness.verdict.outcomes import is_broken
from harness.words.events import DoorClosed, Event
from harness.words.facts import Deployment
from harness.words.records import TrialResult
from harness.words.redaction import redact
from harness.words.rehearsed import RECORD, Rehearsed
from harness.words.schedules import in_words

_DAYS, _SHOWN = 7, 4  # times of a day; more are counted
_LINES = 15  # of what the deployer said
# What the deployer says where it checks the file before it deploys any of it, and one deployment does not pass (3.9.1).
_WHOLE_FILE = "Skipping deployment configuration due to validation errors"


def _of(run: Run) -> str:
    told = [(each, _record(run.folder, each)) for each in run.results.trials]
    rehearsed = [(each, record) for each, record in told if record]
    if not rehearsed:
        return ""
    lines = [
        "# Rehearsal",
        "",
        "Each deployment was deployed from the old file, with a stub for its flow. Its worker was gone while runs fell",
        "due. Then the new file was deployed. The twin is the same deployment; only the old file of it was deployed.",
        "",
        "| deployment | Prefect | late runs | lost | altered | never ran | ticks missing | ticks twice | verdict |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|",
        *(_row(entry, record) for entry, record in rehearsed),
        "",
    ]
    refused: dict[str, dict[str, str]] = {}  # by subject: what was said of each deployment that was refused
    for entry, record in rehearsed:
        events = read_trial(evidence_of(run.folder, entry) / "history.jsonl")
        lines += [*_section(entry, record, events), ""]
        for door in _refused(events):
            refused.setdefault(entry.version or entry.subject, {})[record.key] = door.output or ""
    for subject, said in refused.items():
        lines += [f"## `prefect deploy --all` on {in_cell(subject)}", "", all_at_once(rehearsed[0][1].file, said), ""]
    return redact("\n".join(lines))


def _record(folder: Path, entry: TrialResult) -> Rehearsed | None:
    place = folder / "scenarios" / Path(entry.scenario).name  # one of the run's own, whatever the entry says
    return Rehearsed.read(place) if (place / RECORD).is_file() else None


def _row(entry: TrialResult, record: Rehearsed) -> str:
    ticks = entry.ticks
    counts = [entry.at_risk, entry.lost, entry.altered, entry.stranded]
    counts += [ticks.missing if ticks else 0, ticks.duplicate if ticks else 0]
    link = f"[{entry.outcome}]({entry.folder}/report.md)"
    said = [in_cell(record.key), in_cell(f"{entry.version}"), *map(str, counts), link]
    return f"| {' | '.join(said)} |"


def _section(entry: TrialResult, record: Rehearsed, events: Sequence[Event]) -> Iterator[str]:
    yield f"## {in_cell(record.key)} on {in_cell(entry.version or entry.subject)}"
    yield ""
    yield f"{entry.reason[:1].upper()}{entry.reason[1:].rstrip('.')}."
    yield ""
    for name, promise in entry.promises.items():
        if is_broken(name, promise):
            yield f"- The promise `{name}` is **broken**: {in_cell(promise.reason)}."
    yield from (f"- {note[:1].upper()}{note[1:]}." for note in record.notes)
    before, after = (deployments_at(events, when).get("treated") for when in ("before", "after"))
    if before and after:
        yield from ["", "| schedule | before the deploy | after it | in the new file | |", "|---|---|---|---|---|"]
        yield from _schedules(before, after, record.new)
        yield from ["", f"The {_DAYS} days from {moment(record.ends):%Y-%m-%d %H:%M} UTC on, each time in UTC:", ""]
        yield from ["| 24 hours from | before the deploy | after it |", "|---|---|---|"]
        yield from _week(before, after, moment(record.ends))
    if refused := _refused(events):
        yield from ["", f"`prefect deploy` ended with {refused[-1].exit_code}:", ""]
        yield fenced("\n".join((refused[-1].output or "").strip().splitlines()[-_LINES:]))


def _refused(events: Sequence[Event]) -> list[DoorClosed]:
    return [door for door in of_kind(events, DoorClosed) if door.exit_code]


def all_at_once(file: Sequence[str], refused: Mapping[str, str]) -> str:
    """What `prefect deploy --all` makes of a file (its deployments, in order) in which these are refused.

    Tried by hand with three deployments on 3.3.3 and 3.9.1: docs/how-to/rehearse-your-deploy.md.
    """
    if unread := [key for key in file if _WHOLE_FILE in refused.get(key, "")]:  # rule: rehearsal-whole-file (never)
        return (
            f"Each deployment was rehearsed by itself. This release checks the whole file first, and {_named(unread)} "
            f"did not pass. So `prefect deploy --all` deploys none of the {len(file)} deployments of the file."
        )
    first = next((place for place, key in enumerate(file) if key in refused), None)
    if first is None:
        return ""
    after = file[first + 1 :]
    stay = f"These stand after it, and stay as they are now: {_named(after)}" if after else "None stands after it"
    return (
        f"Each deployment was rehearsed by itself. `prefect deploy --all` deploys the file from top to bottom, and "
        f"ends at the first deployment that is refused. Here that is {_named(file[first : first + 1])}. {stay}."
    )


def _named(keys: Sequence[str]) -> str:
    return ", ".join(f"`{in_cell(key)}`" for key in keys)


def _schedules(before: Deployment, after: Deployment, new: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    states = [{in_words(one.schedule): one.active is not False for one in side.schedules} for side in (before, after)]
    states.append({in_words(one): bool(one.get("active", True)) for one in new})
    for words in dict.fromkeys(words for side in states for words in side):
        was, now, wanted = (side.get(words) for side in states)
        note = ""
        if now and wanted is None:
            note = "**stayed on**"
        elif now and was is False:
            note = "**came on**" if wanted is not False else "**came on, although the new file has it inactive**"
        elif was and now is None:
            note = "removed"
        elif was and now is False:
            note = "switched off"
        elif now and was is None:
            note = "new"
        yield f"| {_as_code(words)} | {_state(was)} | {_state(now)} | {_state(wanted)} | {note} |"


def _as_code(words: str) -> str:
    """Words in a cell as code: there, a backslash would show."""
    return f"`{words.replace('`', ' ').replace('|', '/')}`"


def _state(active: bool | None) -> str:
    return {True: "on", False: "off", None: "not there"}[active]


def _week(before: Deployment, after: Deployment, start: datetime) -> Iterator[str]:
    days = [start + timedelta(days=number) for number in range(_DAYS)]
    for day in days:
        columns = [_times(side, day, day + timedelta(days=1)) for side in (before, after)]
        mark = "" if columns[0] == columns[1] else " (!)"
        yield f"| {day:%a %Y-%m-%d %H:%M} | {columns[0]} | {columns[1]}{mark} |"


def _times(deployment: Deployment, start: datetime, end: datetime) -> str:
    if deployment.paused:
        return "none: it is paused"
    found: list[datetime] = []
    for one in deployment.schedules:
        if one.active is not False:
            try:
                found += [tick for tick in ticks_between(one.schedule, start, end) if tick < end]
            except (ValueError, KeyError, TypeError) as error:
                return f"unknown: {in_cell(str(error))}"
    shown = ", ".join(f"{tick:%H:%M}" for tick in sorted(found)[:_SHOWN])
    return f"{shown}, … ({len(found)} in all)" if len(found) > _SHOWN else shown or "none"


writer = RunWriter("rehearsal.md", _of)
