"""What a watch remembers from look to look, and what it has to say of the next one. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from harness.guard.seen import Known, Looked

# Kinds of an event.
BEGAN, ENDED, AWAY, BACK, RELEASE = "began", "ended", "away", "back", "release"
SEEN, CREATED, CHANGED, REMOVED = "seen", "created", "changed", "removed"  # of a deployment
RUNS_DELETED = "runs-deleted"
LATE, NO_MORE_LATE, SLOTS, NO_MORE_SLOTS = "late", "late-over", "slots", "slots-over"
MOST_IDS = 20  # of deleted runs in one event


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a change record.

    at        when it was noticed, by this host's clock (UTC, ISO 8601)
    since     the look before it: it happened between the two
    fields    of a deployment that changed: which
    digests   of a deployment: all of its fields, so that the next watch knows them
    before    which runs of it waited at the look before, by kind of backlog; None: nobody looked then
    now       the same by now
    runs      how many: that were deleted, that are late, that wait for a slot
    most      the limit that they are over, or no more
    ids       those of the first deleted runs
    why       of a server that is away
    seconds   how long it was away, or how long the watch lasted
    """

    at: str
    kind: str
    schema: int = 0
    api: str = ""
    version: str = ""
    since: str = ""
    deployment: str = ""
    deployment_id: str = ""
    fields: Sequence[str] = ()
    digests: Mapping[str, str] | None = None
    before: Mapping[str, int] | None = None
    now: Mapping[str, int] | None = None
    runs: int = 0
    most: int | None = None
    ids: Sequence[str] = ()
    why: str = ""
    seconds: float = 0.0
    looks: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Limits:
    """From how many runs of a deployment on something is said: more than these."""

    late: int
    slots: int


@dataclass
class Watch:
    """What is known so far. `known` is what an earlier watch knew, `last` when that was; both empty: there was none."""

    limits: Limits
    known: dict[str, Known] = field(default_factory=dict)
    last: str = ""
    looked: Looked | None = None
    looks: int = 0
    failed: int = 0
    away_since: float | None = None
    outages: int = 0
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)  # by deployment and kind of event
    deleted: Counter[str] = field(default_factory=Counter)  # by deployment
    over: set[tuple[str, str]] = field(default_factory=set)  # what is over its limit: kind of event and deployment

    def saw(self, looked: Looked, gone: Mapping[str, Sequence[str]], at: str, monotonic: float) -> list[Event]:
        """What is to be said of a look, and of the runs that are gone since the one before."""
        said = self._came_back(looked, at, monotonic)
        said += self._of_deployments(looked, at) + self._of_runs(looked, gone, at) + self._of_limits(looked, at)
        self.looks += 1
        self.known, self.looked, self.last = dict(looked.deployments), looked, at
        return said

    def missed(self, why: str, at: str, monotonic: float) -> list[Event]:
        """What is to be said of a look that failed: once, until one succeeds."""
        self.failed += 1
        if self.away_since is not None:  # rule: guard-watch-away-once
            return []
        self.away_since = monotonic
        self.outages += 1
        return [Event(at=at, kind=AWAY, since=self.last, why=why)]

    def _came_back(self, looked: Looked, at: str, monotonic: float) -> list[Event]:
        said = []
        if self.away_since is not None:
            away = round(monotonic - self.away_since, 1)
            said = [Event(at=at, kind=BACK, version=looked.version, seconds=away)]
            self.away_since = None
        if self.looked and self.looked.version != looked.version:
            said.append(Event(at=at, kind=RELEASE, version=looked.version, since=self.last))
        return said

    def _of_runs(self, looked: Looked, gone: Mapping[str, Sequence[str]], at: str) -> list[Event]:
        said = []
        for known, runs in gone.items():
            name = self._name_of(known, looked)
            self.deleted[name] += len(runs)
            said.append(
                Event(
                    at=at, kind=RUNS_DELETED, since=self.last, deployment=name, deployment_id=known,
                    runs=len(runs), ids=list(runs[:MOST_IDS]),
                )
            )  # fmt: skip
        return said

    def _name_of(self, known: str, looked: Looked) -> str:
        """A deployment's name, also if it is gone by now."""
        return self.known[known].name if known in self.known else looked.name_of(known)

    def _of_deployments(self, looked: Looked, at: str) -> list[Event]:
        said = []
        # Whoever looks for the first time knows of nothing that it is new.
        new = CREATED if self.last else SEEN  # rule: guard-watch-first-look (always)
        for known, one in looked.deployments.items():
            earlier = self.known.get(known)
            fields = one.differs_from(earlier) if earlier else ()
            if fields or not earlier:
                said.append(self._event(CHANGED if earlier else new, known, one, looked, at=at, fields=fields))
        for known, earlier in self.known.items():
            if known not in looked.deployments:
                said.append(self._event(REMOVED, known, earlier, looked, at=at))
        return said

    def _event(
        self, kind: str, known: str, one: Known, looked: Looked, *, at: str, fields: Sequence[str] = ()
    ) -> Event:
        if kind != SEEN:
            self.changes[one.name, kind] += 1
        before = self.looked.waiting.get(known, {}) if self.looked else None  # rule: guard-watch-backlog-before (never)
        return Event(
            at=at, kind=kind, since=self.last, deployment=one.name, deployment_id=known, fields=fields,
            digests=one.digests if kind != REMOVED else None, before=before, now=looked.waiting.get(known, {}),
        )  # fmt: skip

    def _of_limits(self, looked: Looked, at: str) -> list[Event]:
        said = []
        for kind, over, most in ((LATE, NO_MORE_LATE, self.limits.late), (SLOTS, NO_MORE_SLOTS, self.limits.slots)):
            counted = looked.late if kind == LATE else {known: looked.slots(known) for known in looked.waiting}
            names = {known for each, known in self.over if each == kind} | set(counted)
            for known in sorted(names):
                runs, was = counted.get(known, 0), (kind, known) in self.over
                if (runs > most) != was:  # rule: guard-watch-limit-crossed (always)
                    self.over ^= {(kind, known)}
                    said.append(
                        Event(
                            at=at, kind=over if was else kind, deployment=self._name_of(known, looked),
                            deployment_id=known, runs=runs, most=most,
                        )
                    )  # fmt: skip
        return said
