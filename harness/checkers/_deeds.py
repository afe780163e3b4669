"""Whether a door did what it was to do to parts of the lab, by how the engine saw each part before and after."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile, takewhile

from harness.history import of_kind, opening_of
from harness.words.events import DoorClosed, DoorOpens, Event, Listing
from harness.words.facts import PartSeen
from harness.words.names import BEFORE
from harness.words.part_events import PartActed
from harness.words.proof import Deed

_BY_SIGKILL = (-9, 128 + 9, None)  # of a process, of a container, of a process that is no child of the harness

_OF_THE_LAB = ("server", "upgrade", "database")  # of which it has one each, called so


def undone(events: Sequence[Event], deeds: Sequence[Deed]) -> list[str]:
    """What is wrong with the deeds of a door, each in one sentence; empty where each is shown."""
    acts = while_open(events)
    # A door may kill several processes, as many as there are.
    done = [Deed(act.what, act.of) for act in acts]
    once = [deed for number, deed in enumerate(done) if deed.of != "flow run" or deed not in done[:number]]
    if once != list(deeds):  # rule: deeds-all-done
        return [f"the door was to show: {_said(deeds)}; the history has: {_said(once)}"]
    problems = [f"{act.node}: {act.of} {act.what}, {why}" for act in acts if (why := _not_shown(act))]
    return problems + [f"{act.node}: {why}" for act in acts if (why := _of_another(act, events))]


def while_open(events: Sequence[Event]) -> list[PartActed]:
    """What was done to parts between the opening of the door and its end."""
    since = dropwhile(lambda event: not isinstance(event, DoorOpens), events)
    return of_kind(takewhile(lambda event: not isinstance(event, DoorClosed), since), PartActed)


def _said(deeds: Sequence[Deed]) -> str:
    return ", ".join(map(str, deeds)) or "nothing"


def _not_shown(act: PartActed) -> str:
    """Why the engine's word does not show a deed; empty where it does."""
    was, now = act.before, act.after
    shown = {
        "killed": was.state != "ended" and now.state == "ended" and now.exit_code in _BY_SIGKILL,
        "stopped": was.state != "ended" and now.state == "ended",
        "started": was.state == "ended" and now.state == "running" and _which(was) != _which(now),
        "frozen": was.state == "running" and now.state == "frozen",
        "thawed": was.state == "frozen" and now.state == "running",
        "cut off": bool(was.networks) and now.networks == 0,
        "connected": was.networks == 0 and bool(now.networks),
    }
    # rule: deeds-are-seen (gives "")
    return "" if shown.get(act.what) else f"and the engine saw {was.state} before and {now.state} after"


def _which(seen: PartSeen) -> tuple[int | None, str | None]:
    return seen.pid, seen.began


def _of_another(act: PartActed, events: Sequence[Event]) -> str:
    """Why it was not done to the treated deployment's own worker or run; empty where it was, or to what all share."""
    opening = opening_of(events)
    own = f"worker-{opening.scenario}--{opening.door}" if opening else ""
    if act.of in _OF_THE_LAB and act.node != act.of:  # rule: deeds-own-part
        return f"it is not the lab's {act.of}"
    if act.of == "worker" and act.node != own:  # rule: deeds-own-worker
        return f"it is not {own}, the treated deployment's own"
    before = [run for listing in of_kind(events, Listing) if listing.when == BEFORE for run in listing.runs]
    sides = {run.run: run.side for run in before}
    if act.of == "flow run" and sides.get(act.run or "") != "treated":  # rule: deeds-own-run
        return f"run {act.run}, whose process was killed, is none of the treated deployment's"
    return ""
