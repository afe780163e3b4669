"""Whether a trial came to its end: before that, most checkers have nothing to say."""

from __future__ import annotations

from collections.abc import Sequence

from harness.checkers._executions import executed_between
from harness.checkers._runs import states_read
from harness.history import of_kind, opening_of
from harness.words.events import HISTORY_SCHEMA, Broken, BystandersSeen, Clock, Event, Listing, Look
from harness.words.names import AFTER, ANSWERED, BEFORE, DRAINED, SERVER

_READ_AT_EACH_STEP = 7  # the schema from which on a history without these readings is not whole
_MARKED = 4  # the schema from which on a history holds the marks that flows leave, and what doors take from others


def came_to_its_end(events: Sequence[Event]) -> bool:
    """Whether a history can be read, its trial did all that a trial does, and nothing broke."""
    opening = opening_of(events)
    return bool(opening and opening.schema <= HISTORY_SCHEMA and not of_kind(events, Broken) and is_whole(events))


def is_absolute(events: Sequence[Event]) -> bool:
    """Whether the door hit the twin, too: then the treated runs alone say what it came to, beside another lab."""
    opening = opening_of(events)
    return bool(opening and opening.reach == SERVER)


def is_whole(events: Sequence[Event]) -> bool:
    """Whether a trial recorded all that it does: both looks, the listing after the drain with each run's states,
    what was executed, and what the door took from others.

    Before schema 2 the states were not read again then, or not always; before schema 4 neither of the last two.
    From schema 7 on each look has its listing, and the server's clock was read at each step.
    """
    looks = {look.when for look in of_kind(events, Look)}
    listings = [listing for listing in of_kind(events, Listing) if listing.when == DRAINED]
    listed_at = {listing.when for listing in of_kind(events, Listing)}
    clock_at = {clock.when for clock in of_kind(events, Clock)}
    listed = {run.run for listing in listings for run in listing.runs}
    read = states_read(events, DRAINED).keys()
    schema = opening.schema if (opening := opening_of(events)) else 1
    told = executed_between(events, BEFORE, DRAINED) is not None and bool(of_kind(events, BystandersSeen))
    return (
        {AFTER, DRAINED} <= looks
        and bool(listings)
        and (
            schema == 1 or listed <= read  # rule: last-states-are-read
        )
        and (schema < _MARKED or told)  # rule: executed-marks-are-there
        and (schema < _READ_AT_EACH_STEP or {BEFORE, AFTER} <= listed_at)  # rule: looks-are-listed
        and (schema < _READ_AT_EACH_STEP or {BEFORE, ANSWERED, AFTER, DRAINED} <= clock_at)  # rule: clock-is-read
    )
