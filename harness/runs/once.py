"""Whether each history of a run is there once: one that was copied would count as a repetition of its trial."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from harness.history import opening_of
from harness.store.trial_folder import planned
from harness.words.events import Event


class Once:
    """The histories of a run, as one after the other is taken up."""

    def __init__(self) -> None:
        self._by_what: dict[object, str] = {}

    def add(self, own: Path, events: list[Event]) -> list[str]:
        """Take up the history of a trial's folder; what is wrong with it, in sentences."""
        others = {self._by_what.setdefault(what, own.name) for what in _what_it_is(own, events)} - {own.name}
        # rule: recheck-copied-history (gives [])
        return [f"trials/{own.name} holds the history of trials/{other} again" for other in sorted(others)]


def _what_it_is(own: Path, events: list[Event]) -> Iterator[object]:
    """What no other history of a run is: these bytes, and this trial of the run that it was made in."""
    opening, cell = opening_of(events), planned(events)
    if opening:
        yield sha256((own / "history.jsonl").read_bytes()).hexdigest()
    if opening and opening.run and cell:  # rule: recheck-one-history-a-trial
        yield opening.run, cell.name
