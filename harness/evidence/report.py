"""The report of one trial, in Markdown: what a maintainer is given, whole enough to paste into an issue."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checkers import Check, load_checkers
from harness.checkers.survival import drain_end
from harness.evidence import promised
from harness.evidence._writer import Judged, TrialWriter
from harness.evidence.deeds import door_told
from harness.evidence.diagram import diagram
from harness.evidence.door_sections import proof_told, runs_table, server_log
from harness.evidence.looks import clock_of
from harness.evidence.markdown import fenced, in_cell
from harness.evidence.script import NAME as SCRIPT
from harness.evidence.script import can_be_told
from harness.evidence.story import Story
from harness.history import how_started, of_kind, opening_of
from harness.verdict.outcomes import ALTERED, LOST, STRANDED, Verdict, said
from harness.words.events import (
    Event,
    Listing,
    NotForked,
    Phase,
    PrefectVersion,
    SteadyState,
    Version,
)
from harness.words.meanings import OUTCOMES
from harness.words.names import DRAINED
from harness.words.plan import Cell
from harness.words.records import SideCounts, TrialResult

_EXPECTED = (
    "An update of a deployment removes no run that should already have happened: each run at risk is still "
    "there after the update, and completes once it can."
)
_STARTED = {
    "fork": "each is forked from a process of the subject that has imported Prefect (`--start fork`)",
    "exec": "each is started anew (`--start exec`)",
}


def report(
    cell: Cell, entry: TrialResult, verdict: Verdict, events: Sequence[Event], story: Story | None = None
) -> str:
    """The report as Markdown text, with a chart of the story. Pure: it can be made again from a saved history."""
    opening = opening_of(events)
    told = opening.texts if opening else {}
    parts = [
        f"# {cell.scenario}, {cell.door}, Prefect {entry.version or cell.subject}: {said(entry)}",
        f"{verdict.reason[:1].upper()}{verdict.reason[1:]}." + promised.in_short(entry),
        _facts(cell, entry, events),
        "## What was done",
        _steps(cell, told, verdict, events),
        "## Expected",
        promised.expected_by(cell.judged_by) or _EXPECTED,
        "## Actual",
        f"**{verdict.outcome}**: {OUTCOMES[verdict.outcome]}."
        + (f" Known for this release: `{cell.expected}` ({cell.reference})." if cell.expected else ""),
        _counts_table(entry),
        _checks(verdict),
        promised.section(entry, verdict),
        f"## What happened when\n\n{diagram(story)}" if story else "",
        runs_table(verdict.findings.fates),
        proof_told(events),
        server_log(events),
        _source_log(verdict),
        "## Do it again",
        fenced(cell.command, "console"),
        _stand_alone(cell, verdict, events),
        "The packages of the subject are pinned, with hashes, in `subject.lock` beside this report; "
        "every call, state and time is in `history.jsonl`.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _checks(verdict: Verdict) -> str:
    """What each checker said; empty where none was asked."""
    if not verdict.checks:
        return ""
    checkers = load_checkers()
    rows = [
        f"| `{name}` | {in_cell(checkers[name].summary)} | {in_cell(_says(check))} |"
        for name, check in verdict.checks.items()
    ]
    return "\n".join(["## Checks", "", "| checker | what it looks at | what it says |", "|---|---|---|", *rows])


def _says(check: Check) -> str:
    if check.promise:
        return f"promise {check.promise.outcome}: {check.promise.reason}"
    return ": ".join(filter(None, (check.outcome, check.reason))) or "nothing against a verdict"


def _stand_alone(cell: Cell, verdict: Verdict, events: Sequence[Event]) -> str:
    """Where the script beside the report does the same without this harness; empty where there is none."""
    opening = opening_of(events)
    if verdict.outcome not in (LOST, ALTERED, STRANDED) or not opening or not can_be_told(cell, opening.state):
        return ""
    return f"`uv run {SCRIPT}`, beside this report, does it with Prefect alone, and prints what is gone."


def _facts(cell: Cell, entry: TrialResult, events: Sequence[Event]) -> str:
    said = {event.role: event.said for event in of_kind(events, Version)}
    versions = ", ".join(f"{role} {version}" for role, version in said.items()) or "none answered"
    refused = of_kind(events, NotForked)
    lines = [
        f"- Versions, as each answered: {versions}",
        f"- Packages as of {cell.as_of or 'unknown'}",
        f"- Engine: {cell.engine} ({cell.engine_detail}), database {entry.database}",
    ]
    lines.append(f"- Clock: {clock_of(entry.clock, events)}")
    lines.append(f"- Processes: {_STARTED[how_started(events)]}" + "".join(f" ({e.reason})" for e in refused))
    if cell.note:
        lines.append(f"- Note: {cell.note}")
    if told := of_kind(events, PrefectVersion):
        lines.append(
            "- `prefect version`, where the door is opened (its `Database` is that client's setting, not the server's):"
            f"\n\n{fenced(told[-1].output.strip())}"
        )
    return "\n".join(lines)


def _steps(cell: Cell, told: dict[str, str], verdict: Verdict, events: Sequence[Event]) -> str:
    """What was done, in the sentences that the history has (`told`); one of an earlier harness has none."""
    stage = told.get("stage") or f"The backlog of {cell.scenario} was staged."
    lift = told.get("lift") or "What held the runs was taken away."
    at_risk = verdict.findings.treated.at_risk, verdict.findings.twin.at_risk
    opening = opening_of(events)
    pools = [steady.pool for steady in of_kind(events, SteadyState)[:1] if steady.pool]
    probed = "A worker completed" if pools else "A process that serves it completed"
    where = " in the work pool" if pools else ""
    ticks, interval, state = (opening.ticks, opening.interval, opening.state) if opening else (None, None, None)
    fault = opening.fault if opening else None
    ticking = f"Each of two deployments has {ticks} ticks{f', {interval} s apart' if interval else ''}."
    steps = [
        f"{probed} a run of an unscheduled probe deployment{where} (steady state).",
        (f"Fault `{fault}`: " if fault else "") + f"{stage} {told.get('schedules', ticking)}",
        f"By the server's own listing, {at_risk[0]} runs of the deployment `treated` and {at_risk[1]} of its "
        f"twin were {state}.",
        door_told(told.get("door", cell.door), cell),
        "Every run was looked up by its id.",
        f"{lift} Every run was looked up again after the drain, which ended by: {drain_end(events)}.",
    ]
    # The last phase that was entered is done only where the trial came to its end.
    entered = [event.phase for event in of_kind(events, Phase)]
    whole = any(listing.when == DRAINED for listing in of_kind(events, Listing))
    reached = set(entered if whole else entered[:-1])
    done = [step for step, phase in zip(steps, _PHASES, strict=True) if phase in reached]
    return (
        "\n".join(f"{number}. {step}" for number, step in enumerate(done, start=1)) or "Nothing that came to its end."
    )


_PHASES = ("steady state", "stage", "prove", "trigger", "observe", "drain")


def _counts_table(entry: TrialResult) -> str:
    names = ["at_risk", "kept", "progressed", "altered", "lost", "recreated", "stranded"]
    sides: dict[str, TrialResult | SideCounts] = {"treated": entry, "twin": entry.twin}
    names += [name for name in ("executed_twice", "never_ran") if any(getattr(of, name) for of in sides.values())]
    head = "| deployment | " + " | ".join(name.replace("_", " ") for name in names) + " |"
    rule = "|---|" + "---:|" * len(names)
    rows = [f"| {side} | " + " | ".join(str(getattr(of, name)) for name in names) + " |" for side, of in sides.items()]
    return "\n".join([head, rule, *rows])


def _source_log(verdict: Verdict) -> str:
    if not verdict.log:
        return ""
    return f"## The end of the log of: {in_cell(verdict.source)}\n\n{fenced(verdict.log.strip())}"


def _of(judged: Judged) -> str:
    return report(judged.cell, judged.entry, judged.verdict, judged.events, judged.story)


writer = TrialWriter("report.md", _of)
