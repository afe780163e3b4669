"""What a door did, in sentences: to which side, and to which parts of the lab."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.checkers._deeds import while_open
from harness.words.events import Event
from harness.words.facts import PartSeen
from harness.words.names import SERVER
from harness.words.part_events import PartActed
from harness.words.plan import Cell


def deeds_told(events: Sequence[Event]) -> Iterator[str]:
    """A line for each deed: the part, what was done to it, and how the engine saw it before and after."""
    for act in while_open(events):
        was, now = _seen(act.before), _seen(act.after)
        yield f"- `{act.node}`, {act.of}{_which(act)}: {act.what}. Before: {was}. After: {now}."


def _which(act: PartActed) -> str:
    if act.run:
        return f" `{act.run}`"
    return f" with {len(act.runs)} flow runs in it" if act.runs else ""


def _seen(seen: PartSeen) -> str:
    code = "" if seen.exit_code is None else f" with {seen.exit_code}"
    process = f", process {seen.pid}" if seen.pid else ""
    networks = "" if seen.networks is None else f", on {seen.networks} networks"
    return f"{seen.state}{code}{process}{networks}"


def door_told(door: str, cell: Cell) -> str:
    """What was done on which side, as a sentence; `door` is that of the history."""
    if cell.reach != SERVER:
        return f"On the treated deployment alone: {door}. Nobody touched `twin`."
    control = f"`{cell.control}`, in another lab" if cell.control else "none: this trial is a control itself"
    return f"To treated and twin alike: {door}. The outcome is that of the treated runs alone. The control: {control}."
