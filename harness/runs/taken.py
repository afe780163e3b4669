"""What doors took from the trials beside them, by the doors' histories and by those of the trials."""

from __future__ import annotations

from collections.abc import Sequence

from harness.history import of_kind, opening_of
from harness.words.events import BystandersSeen, ChangedByAnother, Event, TakenByAnother


class Taken:
    """What doors took from the trials beside them, as the doors' histories say it and as the trials' own do."""

    def __init__(self) -> None:
        self._by_doors: set[tuple[str, ...]] = set()
        self._by_victims: set[tuple[str, ...]] = set()

    def add(self, events: Sequence[Event]) -> None:
        """Take up what one history says."""
        opening = opening_of(events)
        which = (str(opening.scenario), str(opening.door)) if opening else ("", "")
        for seen in of_kind(events, BystandersSeen):
            self._by_doors |= {("took", *which, run.run) for run in seen.unlisted}
            self._by_doors |= {("changed", *which, one.was.run) for one in seen.changed or ()}
        self._by_victims |= {("took", one.scenario, one.door, one.run) for one in of_kind(events, TakenByAnother)}
        self._by_victims |= {("changed", one.scenario, one.door, one.run) for one in of_kind(events, ChangedByAnother)}

    def differences(self) -> list[str]:
        """Where a door's history and that of a trial beside it do not say the same."""
        said = [
            f"a trial says that {door} of {of} {did} its run {run}, and that door's history does not"
            for did, of, door, run in sorted(self._by_victims - self._by_doors)
        ]
        return said + [
            f"{door} of {of} says that it {did} run {run} of another trial, and no other trial says so"
            for did, of, door, run in sorted(self._by_doors - self._by_victims)
        ]
