"""What reports say of one door: the runs at risk, how the door is proven, the server's log meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.checkers._findings import RunFate
from harness.checkers.door_proof import deployments_read, proof_of
from harness.evidence.deeds import deeds_told
from harness.evidence.looks import door_log, once
from harness.evidence.markdown import fenced, in_cell
from harness.history import of_kind
from harness.words.events import DoorClosed, Event
from harness.words.facts import Deployment, Schedule
from harness.words.names import AFTER, DRAINED
from harness.words.proof import DEEDS, NOTHING, REDEPLOY, REQUEST, Proof

_LOG_LINES, _FATES = 40, 60


def runs_table(fates: Sequence[RunFate]) -> str:
    """The runs at risk, a row each, with what each look saw and the fate; empty where there is none."""
    if not fates:
        return ""
    told = any(fate.executions is not None for fate in fates)  # before schema 4 flows left no marks
    lines = [
        "## The runs at risk",
        "",
        "| tick (UTC) | deployment | flow run | before | after the door | after the drain |"
        + " executed |" * told
        + " fate |",
        "|---|---|---|---|---|---|" + "---:|" * told + "---|",
    ]
    for fate in sorted(fates, key=lambda one: (one.tick, one.side))[:_FATES]:
        tick = fate.tick[11:19] or fate.tick
        again = f" (back as `{fate.recreated}`)" if fate.recreated else ""
        lines.append(
            f"| {tick} | {fate.side} | `{fate.run}` | {in_cell(fate.before)} | {in_cell(fate.looks[AFTER])} | "
            f"{in_cell(fate.looks[DRAINED])}{once(fate.relabelled)} |"
            + f" {fate.executions} |" * told
            + f" **{fate.fate}**{again} |"
        )
    more = [f"\n{len(fates) - _FATES} more are in verdict.json."] if len(fates) > _FATES else []
    return "\n".join([*lines, *more])


def proof_told(events: Sequence[Event]) -> str:
    """The section on how a door is known to have been opened; empty where none was."""
    doors = of_kind(events, DoorClosed)
    if not doors:
        return ""
    door = doors[-1]
    seen = deployments_read(events)

    def described(side: str, when: str) -> str:
        found = seen.get((side, when))
        if found and found.deleted:
            return "deleted"
        return f"`{found.description}`" if found else "not read"

    def identified(side: str) -> str:
        found = seen.get((side, "after"))
        return f" (`{found.id}`)" if found else ""

    return "\n".join(
        [
            "## Proof of the door",
            "",
            f"- `{door.door}` was opened and came to exit code {door.exit_code}{_proven(door, proof_of(events))}.",
            f"- Description of `treated`{identified('treated')}: {described('treated', 'before')} before, "
            f"{described('treated', 'after')} after; updated at {door.answered_at} by the server's clock.",
            *(
                f"- `{key}` of `treated`: `{was}` before, `{now}` after."
                for key, was, now in _changed(seen.get(("treated", "before")), seen.get(("treated", "after")))
            ),
            f"- Description of `twin`{identified('twin')}: {described('twin', 'before')} before, "
            f"{described('twin', 'after')} after.",
            *deeds_told(events),
        ]
    )


def _changed(before: Deployment | None, after: Deployment | None) -> Iterator[tuple[str, object, object]]:
    """What else is another thing after the door than before: its name, and both values, in a few words."""
    if before and after and not after.deleted:
        for key in ("paused", "work_pool_name", "concurrency_limit"):
            if (was := getattr(before, key)) != (now := getattr(after, key)):
                yield key, was, now
        if (were := _schedules(before.schedules)) != (are := _schedules(after.schedules)):
            yield "schedules", were, are


def _schedules(schedules: Sequence[Schedule]) -> str:
    said = (
        f"{str(one.id)[:8]}… {'active' if one.active else 'inactive'} "
        f"{' '.join(str(one.schedule.get('rrule') or one.schedule).split())[:90]}"
        for one in schedules
    )
    return ", ".join(said) or "none"


def _proven(door: DoorClosed, proof: Proof) -> str:
    """By what the door is known to have been opened, as the end of a sentence."""
    named = ", ".join(f"`{request.strip()}`" for request in proof.requests)
    if proof.by == NOTHING:
        return "; treated and twin are as they were"
    if proof.by == REQUEST:
        return f", and the server's access log names {named}"
    if proof.by == REDEPLOY:
        return f", and the server's access log names {named}, or the schedules have new ids"
    if proof.by == DEEDS:
        return f"; what the engine saw of it: {', '.join(map(str, proof.deeds))}"
    return f", and sent the nonce `{door.nonce}`"


def server_log(events: Sequence[Event]) -> str:
    """The section with the server's log while the door was open; empty where it has no line of it."""
    told = door_log(of_kind(events, DoorClosed))
    if not told:
        return ""
    quoted = "\n".join(told[-_LOG_LINES:])
    return f"## The server's access log while the door was open (reads, polls and runs left out)\n\n{fenced(quoted)}"
