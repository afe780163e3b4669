"""How long after their time the runs of each side began: the treated deployment's not much later than the twin's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from harness.checkers._check import Check
from harness.checkers._executions import executed_by
from harness.checkers._promise import Seen, promised
from harness.checkers._runs import listed_at
from harness.checkers._trial import is_absolute
from harness.history import moment, of_kind
from harness.words.events import ClockMoved, DeploymentRead, DoorOpens, Event
from harness.words.names import DRAINED
from harness.words.part_events import PartActed
from harness.words.promises import Breach

PROMISE = "An update delays no runs: they begin no more than a minute later than the twin's of the same ticks."
# Seconds. Of 576 saved trials of many kinds, the most in which nothing was delayed was 29, with eight doors in one lab.
_MOST = 60.0
_FEWEST = 2  # ticks that both sides executed


def check(events: Sequence[Event]) -> Check:
    """Broken where more than half of the treated runs began a minute later than the twin's of the same ticks, or more.

    Half of them, since one run alone may have been slow to begin for a reason of its own. Nothing is said where runs
    wait for each other by design (a concurrency limit), where the door itself held runs up (it acted on a worker or on
    a process, or the twin was hit as well), and where the clock was moved after the door.
    """
    return promised(events, _look)


def _look(events: Sequence[Event]) -> Seen | None:
    if is_absolute(events) or _has_another_reason(events):  # rule: lateness-beside-the-twin (without first)
        return None
    executed = executed_by(events, DRAINED)
    began: dict[str, dict[str, list[datetime]]] = {}  # by the tick and the side, by the server's clock alone
    for run in listed_at(events, DRAINED).values():
        # rule: lateness-of-what-was-executed (without first)
        if run.run in executed and run.side and run.start_time and run.expected_start_time:
            began.setdefault(run.expected_start_time, {}).setdefault(run.side, []).append(moment(run.start_time))
    moves = [(moment(event.move.was), moment(event.move.now)) for event in of_kind(events, ClockMoved)]
    both: list[list[float]] = []
    for tick, of in sorted(began.items()):
        # A tick that ran twice is for another checker.
        # rule: lateness-tick-by-tick (always)
        if [*map(len, of.values())] == [1, 1]:
            pair = [*of["treated"], *of["twin"]]
            # One of both may have waited through a move of the clock: that is no delay.
            if not any(min(pair) <= was and now <= max(pair) for was, now in moves):  # rule: lateness-through-no-move
                both.append([(at - moment(tick)).total_seconds() for at in pair])
    if len(both) < _FEWEST:  # rule: lateness-of-several (never)
        return None
    treated, twin = ([pair[side] for pair in both] for side in (0, 1))
    said = f"began {_range(treated)} after their time, and the twin's of the same {len(both)} ticks {_range(twin)}"
    later = median(one - other for one, other in both)
    breach = Breach(side="treated", what=f"the treated deployment's runs {said}")
    # rule: lateness-more-than-a-minute (gives [])
    return Seen(held=f"the treated deployment's runs {said}", breaches=[breach] if later > _MOST else [])


def _has_another_reason(events: Sequence[Event]) -> bool:
    opened = next((number for number, event in enumerate(events) if isinstance(event, DoorOpens)), len(events))
    # rule: lateness-held-up-by-the-door (gives False)
    acted = any(isinstance(event, PartActed | ClockMoved) for event in events[opened:])
    # rule: lateness-of-a-limit (without last)
    return acted or any(read.deployment.limit is not None for read in of_kind(events, DeploymentRead))


def _range(seconds: Sequence[float]) -> str:
    return f"{min(seconds):.0f} to {max(seconds):.0f} s"
