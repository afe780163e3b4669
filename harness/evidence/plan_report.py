"""The report of a plan of chaos that broke a promise, for GitHub: its steps in words, how often, the twin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.chaos.plans import AnyStep, CreateRuns, Hurt, Interrupt, Lift, MoveClock, OpenDoor, Wait
from harness.chaos.results import BROKEN, KEPT, PromiseSeen
from harness.chaos.text import as_text
from harness.checkers import load_promises
from harness.checkers._runs import listed_at
from harness.evidence._writer import JudgedDoor, JudgedPlan, PlanWriter
from harness.evidence.door_sections import proof_told, runs_table, server_log
from harness.evidence.frequency import Rate
from harness.evidence.markdown import LONGEST, cut, fenced, in_cell
from harness.evidence.plan_drawing import PICTURE
from harness.evidence.plan_steps import script_of
from harness.evidence.plan_story import removed_by
from harness.evidence.script import NAME as SCRIPT
from harness.history import of_kind, opening_of
from harness.verdict.outcomes import LOST
from harness.verdict.plans import OVERDUE, OVERDUE_PROMISE
from harness.words.events import PrefectVersion, Version
from harness.words.names import BEFORE, SQLITE

_DOORS = 3  # told at length
_STAND_ALONE = (
    f"`uv run {SCRIPT}`, beside this report, takes the steps with Prefect alone, in real time, and prints what is gone."
)
_FAULTS = {
    "worker-killed": ("The worker is killed, and none is started.", "A worker is started again."),
    "worker-frozen": ("The worker is stopped (SIGSTOP), and does nothing.", "The worker goes on (SIGCONT)."),
}
_INTERRUPTED = {
    "server-killed": "The server is killed, and started again",
    "server-stopped": "The server is stopped, and started again",
    "server-frozen": "The server is stopped (SIGSTOP), and goes on (SIGCONT)",
    "database-stopped": "The database is stopped, and started again",
}
_UNTIL = {"late": "one of its runs is Late", "done": "each of its runs that was due has ended"}
_UNTIL["upcoming"] = "one of its runs is due later"


def plan_report(judged: JudgedPlan) -> str:
    """The report as Markdown; empty for a plan that broke nothing."""
    result, campaign = judged.result, judged.campaign
    broken = result.of(BROKEN)
    if not broken:
        return ""
    breaking = [door for door in judged.doors if any(_broke(door, name) for name in broken)]
    drawn = f", plan {result.number} of seed {result.seed}" if result.seed is not None else ""
    names = ", ".join(f"`{name}`" for name in broken)
    parts = [
        f"# Prefect {campaign.version}: {len(judged.plan.steps)} steps break {names}",
        " ".join(f"{_sentence(result.promises[name].reason)}{_known(result.promises[name])}" for name in broken),
        _facts(judged) + f"\n- Plan: `{result.file}`{drawn}",
        "## What was done",
        "\n".join(_steps(judged)),
        "## Expected",
        "\n".join(f"- `{name}`: {_promise(name)}." for name in broken),
        "## Actual",
        _table(judged, breaking, broken),
        f"![The plan: its steps, and the runs of each deployment along the time]({PICTURE})",
        "## How often",
        "\n".join(f"- {line}" for line in _often(judged, broken)),
        *(_door(door) for door in breaking[:_DOORS]),
        "## Do it again",
        f"Save this as `plan.yaml`, and call `{_again(judged)}`.",
        fenced(as_text(judged.plan).rstrip(), "yaml"),
        _STAND_ALONE if script_of(judged) else "",
        "Every call, state and time is in the `history.jsonl` of each door, in `trials/` beside this report.",
    ]
    whole = "\n\n".join(part for part in parts if part) + "\n"
    return whole if len(whole) <= LONGEST else cut(whole)


def _broke(door: JudgedDoor, name: str) -> bool:
    seen = door.result.promises.get(name)
    return bool(seen and seen.came_to == BROKEN)


def _sentence(said: str) -> str:
    return f"{in_cell(said[:1].upper() + said[1:]).rstrip('.')}."


def _known(promise: PromiseSeen) -> str:
    known = f" Known for this release ({promise.known})." if promise.known else " Nothing is known of that: it is news."
    return f"{known} Something else of it could not be told." if promise.untold else known


def _promise(name: str) -> str:
    checker = load_promises().get(name)
    return OVERDUE_PROMISE if name == OVERDUE or not checker else checker.promise


def _facts(judged: JudgedPlan) -> str:
    campaign, events = judged.campaign, judged.doors[0].events
    versions = ", ".join(f"{event.role} {event.said}" for event in of_kind(events, Version)) or "none answered"
    lines = [
        f"- Versions, as each answered: {versions}",
        f"- Packages as of {campaign.as_of or 'unknown'}",
        f"- Engine: {campaign.engine}, database {campaign.database}; processes: `--start {campaign.start}`",
        "- Clock: one of the lab's own that can be moved, for all that lives in it",
    ]
    if told := of_kind(events, PrefectVersion):
        lines.append(f"- `prefect version`, where the door is opened:\n\n{fenced(told[-1].output.strip())}\n")
    return "\n".join(lines)


def _steps(judged: JudgedPlan) -> Iterator[str]:
    """The steps in words, and which door broke what."""
    many = len(judged.plan.deployments)
    each = "; ".join(f"`{one.name}`: `{one.schedule}`" for one in judged.plan.deployments)
    one = "Deployments" if many > 1 else "A deployment"
    limit = f" Each has the concurrency limit {judged.plan.limit}, the twin too." if judged.plan.limit else ""
    yield (
        f"{one} in one work pool, with one worker: {each}. A twin has each of these schedules.{limit} Faults, moves of "
        "the clock and created runs happen to it as well; it is never updated."
    )
    yield ""
    told = {door.result.door: _text(door) for door in judged.doors}
    for number, step in enumerate(judged.plan.steps, start=1):
        names = [
            name for door in judged.doors if door.result.step == number
            for name, seen in door.result.promises.items() if seen.came_to == BROKEN
        ]  # fmt: skip
        broke = f" **This broke {', '.join(f'`{name}`' for name in names)}.**" if names else ""
        yield f"{number}. {in_words(step, told)}{broke}"
    hurt = [step.fault for step in judged.plan.steps if isinstance(step, Hurt)]
    lifted = [step.fault for step in judged.plan.steps if isinstance(step, Lift)]
    yield (
        f"{len(judged.plan.steps) + 1}. "
        + ("What is still hurt is lifted. " if len(hurt) > len(lifted) else "")
        + "Every run that is left gets the time to run, and is looked up again."
    )


def _text(door: JudgedDoor) -> str:
    opening = opening_of(door.events)
    return opening.texts.get("door", "") if opening else ""


def in_words(step: AnyStep, doors: dict[str, str]) -> str:
    """A step as a sentence; `doors` says what each door does."""
    match step:
        case OpenDoor(door=door, of=of):
            return f"`{of}` is updated by `{door}`: {_sentence(doors.get(door) or door)}"
        case Hurt(fault=fault) if fault in _FAULTS:
            return _FAULTS[fault][0]
        case Lift(fault=fault) if fault in _FAULTS:
            return _FAULTS[fault][1]
        case Interrupt(fault=fault, seconds=seconds) if fault in _INTERRUPTED:
            return f"{_INTERRUPTED[fault]} after {seconds} seconds."
        case MoveClock(minutes=minutes):
            return f"The clock of the whole lab is moved {minutes} minutes ahead."
        case CreateRuns(number=number, of=of):
            return f"A person creates {number} runs of `{of}`, and as many of the twin, due in a second."
        case Wait(until=until, of=of) if until in _UNTIL:
            return f"Wait until, of `{of}`, {_UNTIL[until]}."
    said = str(step)
    return f"{said[:1].upper()}{said[1:]}."


def _table(judged: JudgedPlan, breaking: Sequence[JudgedDoor], broken: Sequence[str]) -> str:
    head = (
        "| step | door, deployment | at risk | lost | the twin: at risk | kept | lost | what is broken, and by what |"
    )
    rows = [head, "|---:|---|---:|---:|---:|---:|---:|---|"]
    for door in breaking:
        treated, twin = door.verdict.findings.treated, door.verdict.findings.twin
        seen = door.result.promises
        why = "; ".join(f"`{name}`: {in_cell(seen[name].reason)}" for name in broken if _broke(door, name))
        numbers = f"{treated.at_risk} | {treated.lost} | {twin.at_risk} | {twin.kept} | {twin.lost}"
        rows.append(f"| {door.result.step} | `{door.result.door}`, `{door.result.deployment}` | {numbers} | {why} |")
    kept = judged.result.of(KEPT)
    said = f"\n\nKept: {', '.join(f'`{name}`' for name in kept)}." if kept else ""
    return "\n".join(rows) + said


def _often(judged: JudgedPlan, broken: Sequence[str]) -> Iterator[str]:
    """How often the same plan broke each promise, and how often others of the campaign did."""
    plans = judged.campaign.plans
    same = [one for one in plans if (one.steps, one.number) == (judged.result.steps, judged.result.number)]
    for name in broken:
        broke = sum(name in one.of(BROKEN) for one in same)
        yield f"`{name}`: this plan was carried out {_times(len(same))}, and broke it {Rate(broke, len(same))}"
        others = [one for one in plans if one not in same]
        if others and not judged.campaign.promise:
            too = sum(name in one.of(BROKEN) for one in others)
            yield f"`{name}`: {too} of {len(others)} other plans of the campaign broke it"
    if len(same) == 1:
        yield "`--reduce` carries the plan out again, and makes it smaller"
    yield "The control is the twin, in the same lab: what happens to both sides breaks no promise, and is `unknown`."


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _door(door: JudgedDoor) -> str:
    head = f"## Step {door.result.step}: `{door.result.door}` on `{door.result.deployment}`"
    fates = [one for one in door.verdict.findings.fates if one.fate == LOST] or door.verdict.findings.fates
    inner = [runs_table(fates), _gone(door), proof_told(door.events), server_log(door.events)]
    said = _sentence(door.result.reason) if door.result.reason else ""
    return "\n\n".join([head, said, *(part.replace("## ", "### ", 1) for part in inner if part)])


def _gone(door: JudgedDoor) -> str:
    """The runs that were due, and that nothing lists just after the door."""
    at_risk = {fate.run for fate in door.verdict.findings.fates}
    before = listed_at(door.events, BEFORE)
    due = [before[run] for run, (_, was_due) in removed_by(door).items() if was_due and run not in at_risk]
    if not due:
        return ""
    head = ["## Gone, though due", "", "| due (UTC) | deployment | flow run | before |", "|---|---|---|---|"]
    rows = [
        f"| {(run.expected_start_time or '')[11:19]} | {run.side} | `{run.run}` | {in_cell(run.state_name or '')} |"
        for run in due
    ]
    return "\n".join([*head, *rows])


def _again(judged: JudgedPlan) -> str:
    campaign = judged.campaign
    asked = f"--subject {campaign.subject} --engine {campaign.engine}"
    base = "" if campaign.database == SQLITE else f" --database {campaign.database}"
    return f"nox -s chaos -- --plan plan.yaml {asked}{base}"


writer = PlanWriter("report.md", plan_report)
