"""The search for the release in which an outcome changed: pure, told what each probe came to, and never starting one.

Both ends are probed first and must differ; then what lies between is halved. A release that cannot be judged is passed
over for its nearest neighbour, and said so. A verdict that fits neither end is asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

UNJUDGED = "unjudged"


@dataclass(frozen=True)
class Found:
    """Where the search stands.

    probe        the release to probe next; None when the search is over
    before       the last release known to have the old outcome, `after` the first known to have the new one
    old, new     the outcomes at the two ends, where they were judged
    passed_over  releases between `before` and `after`, and what each came to: UNJUDGED, or what fits neither end
    reason       why the search is over, where that is not because it found the change
    """

    probe: str | None
    before: str = ""
    after: str = ""
    old: str = ""
    new: str = ""
    passed_over: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether the search is over, and no release lies between the last of the old and the first of the new."""
        return self.probe is None and not self.reason and not self.passed_over


@dataclass
class Search:
    """A search over releases, oldest first.

    guess   a release at which the change is supposed to be; it and the one before it are probed first, and not believed
    """

    releases: Sequence[str]
    guess: str | None = None
    verdicts: dict[str, list[str]] = field(default_factory=dict)

    def tell(self, release: str, outcome: str) -> None:
        """What a probe came to: an outcome, or UNJUDGED."""
        self.verdicts.setdefault(release, []).append(outcome)

    def standing(self) -> Found:
        """Where the search stands by what it was told so far."""
        first, last = self.releases[0], self.releases[-1]
        ends = {}
        for end in (first, last):
            verdict = self._settled(end, None)
            if verdict is None:
                return Found(end)
            ends[end] = verdict
        old, new = ends[first], ends[last]
        if UNJUDGED in (old, new):
            return Found(None, reason=f"{first if old == UNJUDGED else last} could not be judged; choose another end")
        if old == new:
            return Found(
                None,
                first,
                last,
                old,
                new,
                reason=f"{first} and {last} are both {old}: there is nothing to halve between them",
            )
        return self._between(old, new)

    def _between(self, old: str, new: str) -> Found:
        settled = {release: self._settled(release, (old, new)) for release in self.releases}
        # Every release that is told of and still unsettled has to be asked for again before anything is halved.
        for release, verdict in settled.items():
            if verdict is None and release in self.verdicts:
                return Found(release, old=old, new=new)
        low = max(place for place, release in enumerate(self.releases) if settled[release] == old)
        high = min(place for place, release in enumerate(self.releases) if settled[release] == new)
        before, after = self.releases[low], self.releases[high]
        if low > high:
            reason = f"{before} is {old}, and {after}, which is older, is {new}: it changed more than once"
            return Found(None, before, after, old, new, reason=reason)
        left = [place for place in range(low + 1, high) if settled[self.releases[place]] is None]
        over = (self.releases[place] for place in range(low + 1, high) if place not in left)
        passed_over = {release: " and ".join(dict.fromkeys(self.verdicts[release])) for release in over}
        return Found(self._next(left, low, high), before, after, old, new, passed_over)

    def _next(self, left: Sequence[int], low: int, high: int) -> str | None:
        if not left:
            return None
        if self.guess in self.releases:
            guess = self.releases.index(self.guess)
            for place in (guess - 1, guess):
                if place in left:
                    return self.releases[place]
        return self.releases[min(left, key=lambda place: (abs(place - (low + high) / 2), place))]

    def _settled(self, release: str, ends: tuple[str, str] | None) -> str | None:
        """What a release is taken to be; None where it must be probed (again)."""
        told = self.verdicts.get(release, [])
        if not told:
            return None
        judged = [verdict for verdict in told if verdict != UNJUDGED]
        expected = not ends or (judged and judged[-1] in ends)
        if len(told) == 1 and not (judged and expected):
            return None  # once more: what could not be judged, and what fits neither end
        return judged[-1] if judged and len(set(judged)) == 1 else UNJUDGED


def summary(found: Found, verdicts: Mapping[str, Sequence[str]]) -> str:
    """The search in one sentence."""
    probes = sum(len(told) for told in verdicts.values())
    if found.reason:
        return f"{found.reason[:1].upper()}{found.reason[1:]} ({probes} probes)."
    ends = f"{found.before} is {found.old}, {found.after} is {found.new}"
    kind = "fixed" if found.new == "survived" else "broken" if found.old == "survived" else "changed"
    if found.is_exact:
        return f"{ends}: {kind} in {found.after} ({probes} probes)."
    between = ", ".join(f"{release} ({what})" for release, what in found.passed_over.items())
    return f"{ends}: {kind} after {found.before} and by {found.after}; between them {between} ({probes} probes)."
