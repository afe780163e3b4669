"""A trial as a story: its flow runs, one row each, the states that followed one another, the fault, the door.

Pure: from a history alone. What draws it (a timeline, a page, a diagram in a report) knows no events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from harness.checkers._findings import RunFate
from harness.checkers.ticks import Ticks
from harness.history import moment, of_kind
from harness.verdict.outcomes import Verdict
from harness.words.events import ClockMoved, DoorClosed, DoorOpens, Event, Fault, Lifted, Listing, Look, Phase, States
from harness.words.facts import FlowRun, RunState
from harness.words.names import AFTER, BEFORE, DRAINED, ENDED, SIDES

ROWS = 40  # more are folded


@dataclass(frozen=True)
class Span:
    """Something that went on from `start` to `end`, such as a state of a run; the same twice where it took no time."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Row:
    """One flow run, or several alike that were folded into one row.

    run, tick  id and scheduled time of the run (of the first, where several are folded), and `runs`, how many they are
    fate       what became of it, where it was at risk; `lost` rows end where the door cut them off
    ended      the state it ended in, if it did
    """

    side: str
    run: str
    tick: datetime | None
    segments: tuple[Span, ...]
    fate: str = ""
    ended: str = ""
    runs: int = 1


@dataclass(frozen=True)
class Story:
    """All that a picture of a trial shows. Times are UTC, but that a move of the lab's clock takes no time here.

    Times after the last move are as they were; those before it are as much later. Ticks are as they were.

    missing, duplicate  ticks of the treated deployment that have no run, and that have several
    moves               of the lab's clock, named by how far it went ahead, each at one moment
    """

    start: datetime
    end: datetime
    rows: tuple[Row, ...]
    spans: tuple[Span, ...]
    missing: tuple[datetime, ...]
    duplicate: tuple[datetime, ...]
    moves: tuple[Span, ...] = ()


def tell(events: Sequence[Event], verdict: Verdict) -> Story | None:
    """The story of a history and of the verdict on it; None if no flow run was ever seen."""
    listings: dict[str, list[FlowRun]] = {listing.when: listing.runs for listing in of_kind(events, Listing)}
    first_seen = {run.run: run for run in listings.get(BEFORE, ())}
    listed = {**first_seen, **{run.run: run for run in listings.get(DRAINED, ())}}
    if not listed:
        return None
    end = moment(events[-1].at)
    door = _span(events, DoorOpens, DoorClosed, "the door")
    found = {fate.run: fate for fate in verdict.findings.fates}
    states: dict[str, list[RunState]] = {}
    for event in sorted(of_kind(events, States), key=lambda event: event.when != AFTER):
        if event.states:
            states[event.run] = event.states  # those read last have the most
    rows = []
    for run_id, run in listed.items():
        fate = found.get(run_id)
        gone = fate is not None and fate.fate == "lost"
        known = _known(states.get(run_id, ()), (first_seen.get(run_id, run), run))
        # rule: timeline-cuts-at-the-door (never)
        until = (_gone_at(fate, door, events) or end) if gone and fate else end
        segments = _segments(known, until)
        ended = "" if gone or run.state_type not in ENDED else run.state_name or ""
        word = "" if fate is None else fate.fate
        rows.append(Row(run.side or "", run_id, _maybe(run.expected_start_time), segments, word, ended))
    rows.sort(key=lambda row: (SIDES.index(row.side), row.tick or end, row.run))
    shown = without_moves(events)
    ticks = verdict.found("ticks", Ticks())
    rows = [replace(row, segments=tuple(_shown(span, shown) for span in row.segments)) for row in rows]
    spans = [_shown(span, shown) for span in (_fault(events), door) if span]
    starts = [segment.start for row in rows for segment in row.segments] + [span.start for span in spans]
    first = min(starts, default=end)
    moves = [span for span in (_shown(move, shown) for move in _moves(events)) if span.start >= first]
    return Story(
        first,
        max([end, *(span.end for span in spans)]),
        tuple(fold(rows)),
        tuple(spans),
        tuple(map(moment, ticks.missing)),
        tuple(map(moment, ticks.duplicate)),
        tuple(moves),
    )


def fold(rows: Sequence[Row], most: int = ROWS) -> list[Row]:
    """The rows; where they are more than `most`, those of one side with the same states and fate as one."""
    if len(rows) <= most:
        return list(rows)
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        kind = (row.side, row.fate, row.ended, tuple(segment.name for segment in row.segments))
        alike.setdefault(kind, []).append(row)
    folded = []
    for group in alike.values():
        each = zip(*(row.segments for row in group), strict=True)
        together = [Span(s[0].name, min(one.start for one in s), max(one.end for one in s)) for s in each]
        # A state begins where the one before it has begun to end, so that the bars do not lie upon each other.
        starts = [segment.start for segment in together[1:]]
        ends = [min(segment.end, start) for segment, start in zip(together, starts, strict=False)]
        joined = [
            replace(one, end=end) for one, end in zip(together, [*ends, *(s.end for s in together[-1:])], strict=True)
        ]
        folded.append(replace(group[0], segments=tuple(joined), runs=len(group)))
    return folded


def _segments(states: Sequence[RunState], until: datetime) -> tuple[Span, ...]:
    """The states one after the other up to a time; one that ended its run has no length."""
    times = [moment(state.timestamp) for state in states]
    found: list[Span] = []
    for number, (state, start) in enumerate(zip(states, times, strict=True)):
        if start >= until:
            break
        over = min(times[number + 1] if number + 1 < len(times) else until, until)
        end = start if state.type in ENDED else over
        if found and found[-1].name == state.name:  # it asked for its slot again
            found[-1] = replace(found[-1], end=end)
        else:
            found.append(Span(state.name, start, end))
    return tuple(found)


def _known(states: Sequence[RunState], listed: Iterable[FlowRun]) -> list[RunState]:
    """A run's states by its own history as far as it was read, and by the listings that saw it, oldest first."""
    by_time = {
        moment(run.state_timestamp): RunState(
            type=run.state_type or "", name=run.state_name or "", timestamp=run.state_timestamp
        )
        for run in listed
        if run.state_timestamp
    }
    by_time.update({moment(state.timestamp): state for state in states})
    return [by_time[time] for time in sorted(by_time)]


def _gone_at(fate: RunFate, door: Span | None, events: Sequence[Event]) -> datetime | None:
    """When a lost run was gone at the latest: as the door was answered, or between the two looks."""
    if fate.looks.get(AFTER) == "404" or AFTER not in fate.looks:
        answered = _maybe(next((event.answered_at for event in of_kind(events, DoorClosed)), None))
        if door is None or answered is None:
            return answered or (door.end if door else None)
        return min(max(answered, door.start), door.end)  # the server's clock may be told to the second alone
    looks = [moment(look.at) for look in of_kind(events, Look) if look.when == DRAINED]
    return looks[0] if looks else None


def _fault(events: Sequence[Event]) -> Span | None:
    """What keeps the runs waiting: from the fault, or where there is none from the staging on, until it was lifted."""
    if faults := of_kind(events, Fault):
        return _span(events, Fault, Lifted, faults[0].what)
    staged = [event for event in of_kind(events, Phase) if event.phase == "stage"]
    lifted = of_kind(events, Lifted)
    if not staged:
        return None
    return Span("runs are held back", moment(staged[0].at), moment((lifted or events)[-1].at))


def _moves(events: Sequence[Event]) -> list[Span]:
    """Each move of the lab's clock, by how far."""
    found = []
    for move in (event.move for event in of_kind(events, ClockMoved)):
        hours, seconds = divmod(move.seconds, 3600)
        far = f"{hours} h" if hours and not seconds else str(timedelta(seconds=move.seconds))
        found.append(Span(f"{far} ahead", moment(move.was), moment(move.now)))
    return found


def without_moves(events: Sequence[Event]) -> Callable[[datetime], datetime]:
    """What a time is where no move of the lab's clock takes any: the latest times are as they were."""
    moves = [(moment(one.move.was), timedelta(seconds=one.move.seconds)) for one in of_kind(events, ClockMoved)]

    def shown(time: datetime) -> datetime:
        # rule: timeline-without-moves (without last)
        return time + sum((by - min(by, max(timedelta(), time - was)) for was, by in moves), timedelta())

    return shown


def _shown(span: Span, shown: Callable[[datetime], datetime]) -> Span:
    return replace(span, start=shown(span.start), end=shown(span.end))


def _span(events: Sequence[Event], opens: type[Event], closes: type[Event], name: str) -> Span | None:
    begun, ended = of_kind(events, opens), of_kind(events, closes)
    if not begun:
        return None
    start = moment(begun[0].at)
    return Span(name, start, max(start, moment(ended[-1].at)) if ended else moment(events[-1].at))


def _maybe(text: str | None) -> datetime | None:
    return moment(text) if text else None
