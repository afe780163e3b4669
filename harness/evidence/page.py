"""The page of a run: one file that needs no network, with filters, and a timeline for each trial.

What is shown goes through Jinja2 with autoescape on; the one thing put in as it is, is the timeline's SVG, whose text
ElementTree escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from markupsafe import Markup
from msgspec.structs import asdict

from harness.evidence import load_writers
from harness.evidence._html import html, without_style
from harness.evidence._writer import Run, RunWriter, TrialWriter
from harness.evidence.drawing import STYLE
from harness.evidence.grid import grid_of
from harness.evidence.looks import door_log, once
from harness.evidence.table import counts_of, footnotes
from harness.history import event_of, of_kind
from harness.store.results import evidence_of, harness_words, read_verdict, runs_of
from harness.verdict.outcomes import broken_promises, contradicts, expected_of, said, said_of, unjudged
from harness.words.events import DoorClosed
from harness.words.names import AFTER, DRAINED
from harness.words.records import FateRecord, RunFacts, TrialResult

_LOG_LINES, _LINE = 20, 180
_BROKEN_LINES = 60  # of the log of what broke
_WAITS = 5  # of a lab, the longest
_FILTERS = ("scenario", "door", "subject", "outcome")
_PACKAGE = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", re.MULTILINE)


def page(run: Run) -> str:
    """The page of a run, or of runs that were joined, made from its folder alone."""
    folder, results, facts = run.folder, run.results, run.facts
    trials = [_trial(folder, entry) for entry in results.trials]
    return html(
        "index.html.j2",
        trials=trials,
        grid=_grid(folder, results.trials),
        notes=footnotes(results.trials),
        exit_code=results.exit_code,
        seconds=results.seconds,
        made=[_made(run) for run in runs_of(facts)],
        costs=[row for run in runs_of(facts) for row in _costs(run)],
        packages=dict(_packages(folder, results.trials)),
        filters={name: sorted({str(trial[name]) for trial in trials}) for name in _FILTERS},
        timeline_style=Markup(STYLE),  # noqa: S704 - our own text
    )


def _grid(folder: Path, trials: Sequence[TrialResult]) -> dict[str, object] | None:
    """The grid of a run of several subjects, each cell with the name of the trial that it opens; else None."""
    grid = grid_of(trials)
    if len(grid.columns) < 2:
        return None
    rows = {
        scenario: {
            door: [square and {**vars(square), "id": evidence_of(folder, square.trial).name} for square in row.values()]
            for door, row in doors.items()
        }
        for scenario, doors in grid.rows.items()
    }
    return {"columns": [(heading, ground) for (_, ground), heading in grid.columns.items()], "rows": rows}


def _made(facts: RunFacts) -> str:
    """How a run was made, as far as its run.json says: command, engine, harness, host."""
    engine, harness, host = facts.engine, facts.harness, facts.host
    parts = [
        facts.command,
        engine.detail if engine else "",
        f"processes started by {facts.start}" if facts.start else "",
        f"harness {harness_words(harness)}" if harness and harness.commit else "",
        host.system if host else "",
        f"{host.cores} cores" if host and host.cores else "",
    ]
    return "; ".join(part for part in parts if part)


def _costs(facts: RunFacts) -> Iterator[dict[str, object]]:
    """A row for each lab of a run; none for a run whose run.json was written before there were costs."""
    for lab, costs in (facts.labs or {}).items():
        cpu = sum(phase.cpu_seconds for phase in costs.phases.values())
        spent = [f"{name} {of.seconds:.0f} ({of.cpu_seconds:.1f})" for name, of in costs.phases.items()]
        waits = [f"{what} {seconds:.0f}" for what, seconds in costs.waits.items()]
        yield {
            "lab": lab.replace("--", ", "),
            "trials": costs.cells,
            "seconds": f"{sum(phase.seconds for phase in costs.phases.values()):.0f}",
            "cpu": f"{cpu:.1f}",
            "each": f"{cpu / costs.cells:.1f}",
            "phases": ", ".join(spent),
            "waits": ", ".join(waits[:_WAITS]),
        }


def _trial(folder: Path, entry: TrialResult) -> dict[str, object]:
    """What the page shows of a trial; what cannot be read of its evidence is left out."""
    own = evidence_of(folder, entry)
    saved = read_verdict(folder, entry)
    timeline = ""
    with suppress(OSError, ValueError):
        timeline = without_style((own / "timeline.svg").read_text(encoding="utf-8"))
    return {
        "id": own.name,
        "scenario": entry.scenario,
        "door": entry.door,
        "subject": entry.subject,
        "version": entry.version or "",
        "engine": entry.engine,
        "database": entry.database,
        "repetition": entry.repetition,
        "outcome": said(entry),
        "expected": expected_of(entry),
        "mark": "contradicts" if contradicts(entry) else "unjudged" if unjudged(entry) else "",
        "reason": entry.reason,
        "reference": entry.reference,
        "counts": counts_of(entry),
        "ticks": entry.ticks.outcome if entry.ticks else "",
        "broken_promises": ", ".join(broken_promises(entry)),
        "promises": [said_of(name, promise) for name, promise in broken_promises(entry).items()],
        "timeline": Markup(timeline),  # noqa: S704 - written by harness/evidence/timeline.py, escaped there
        "fates": [
            {**asdict(fate), "after": fate.looks.get(AFTER, ""), "drained": _drained(fate)}
            for fate in (saved.fates if saved else ())
        ],
        "log": _log(own),
        "broken": {"source": saved.source, "log": _end_of(saved.log)} if saved else {"source": "", "log": ""},
        "command": saved.command if saved else "",
        "files": [f"trials/{own.name}/{name}" for name in _files() if _holds(own / name)],
    }


def _files() -> list[str]:
    """What a trial's folder may hold that a reader wants to open."""
    written = [one.file for one in load_writers().values() if isinstance(one, TrialWriter) and one.same]
    return [*written, "history.jsonl", "logs", "subject.lock"]


def _holds(path: Path) -> bool:
    """Whether there is such a file, or such a folder with something in it; a bundle has no empty folders."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def _drained(fate: FateRecord) -> str:
    return fate.looks.get(DRAINED, "") + once(fate.relabelled)


def _end_of(log: str) -> str:
    return "\n".join(log.split("\n")[-_BROKEN_LINES:])


def _log(own: Path) -> list[str]:
    """The server's log around the door: the requests that change something."""
    try:
        lines = (own / "history.jsonl").read_text(encoding="utf-8").splitlines()
        doors = of_kind((event_of(json.loads(line)) for line in lines if '"kind": "door"' in line), DoorClosed)
    except (OSError, ValueError):
        return []
    return [line[:_LINE] for line in door_log(doors)[-_LOG_LINES:]]


def _packages(folder: Path, trials: Sequence[TrialResult]) -> Iterator[tuple[str, list[str]]]:
    """Each subject's resolved packages, from the first lock of it that is there."""
    done = set()
    for trial in trials:
        lock = evidence_of(folder, trial) / "subject.lock"
        if trial.subject not in done and lock.exists():
            done.add(trial.subject)
            found = _PACKAGE.findall(lock.read_text(encoding="utf-8", errors="replace"))
            yield trial.subject, [f"{name} {version}" for name, version in found]


writer = RunWriter("index.html", page)
