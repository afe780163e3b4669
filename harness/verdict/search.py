"""The search for the release in which an outcome changed: pure, told what each probe came to, and never starting one.

Both ends are probed first and must differ; then what lies between is halved. A release that cannot be judged is passed
over for a neighbour, an end for one further in, and said so. A verdict that fits neither end is asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

UNJUDGED = "unjudged"
_END_STEPS = 4


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
        first, last = self._end(self.releases), self._end(self.releases[::-1])
        for end in (first, last):
            if not self._judged(end):
                if len(self.verdicts.get(end, ())) < 2:
                    return Found(end)
                return Found(None, reason=f"{end} could not be judged, nor could its neighbours; choose another end")
        for end in (first, last):
            if len(several := dict.fromkeys(self._judged(end))) > 1:  # rule: bisect-contradicting-end (one more)
                return Found(None, reason=f"{end} came to {' and to '.join(several)}: its probes contradict each other")
        old, new = self._judged(first)[0], self._judged(last)[0]
        if old == new:  # rule: bisect-ends-differ
            return Found(
                None,
                first,
                last,
                old,
                new,
                reason=f"{first} and {last} are both {old}: there is nothing to halve between them",
            )
        inside = self.releases[self.releases.index(first) : self.releases.index(last) + 1]
        return replace(self, releases=inside)._between(old, new)

    def _end(self, inwards: Sequence[str]) -> str:
        """The outermost release that was judged, or is to be probed next to find it.

        An end that twice could not be judged gives way to one 1, 2, 4 or 8 releases further in: what keeps a release
        from being judged (a dependency of its day) often keeps its neighbours from it too. Where none can be, the end
        itself.
        """
        steps = [0, *(2**step for step in range(_END_STEPS))]  # rule: bisect-end-gives-way (gives [0])
        candidates = [inwards[step] for step in steps if step <= (len(inwards) - 2) // 2]
        open_ = (each for each in candidates if len(self.verdicts.get(each, ())) < 2 or self._judged(each))
        return next(open_, inwards[0])

    def _judged(self, release: str) -> list[str]:
        return [verdict for verdict in self.verdicts.get(release, ()) if verdict != UNJUDGED]

    def _between(self, old: str, new: str) -> Found:
        settled = {release: self._settled(release, old, new) for release in self.releases}
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

    def _settled(self, release: str, old: str, new: str) -> str | None:
        """What a release is taken to be; None where it must be probed (again)."""
        told, judged = self.verdicts.get(release, ()), self._judged(release)
        if len(told) < 2 and not (  # rule: bisect-tries-again (one less)
            judged
            # rule: bisect-neither-end
            and judged[-1] in (old, new)
        ):
            return None  # once more: what could not be judged, and what fits neither end
        return judged[-1] if len(set(judged)) == 1 else UNJUDGED


def summary(found: Found, verdicts: Mapping[str, Sequence[str]]) -> str:
    """The search in one sentence."""
    probes = f"{sum(len(told) for told in verdicts.values())} probes"
    given_up = [r for r, told in verdicts.items() if set(told) == {UNJUDGED} and r not in found.passed_over]
    if given_up:
        probes += f"; {', '.join(given_up)} could not be judged"
    if found.reason:
        return f"{found.reason[:1].upper()}{found.reason[1:]} ({probes})."
    ends = f"{found.before} is {found.old}, {found.after} is {found.new}"
    kind = "fixed" if found.new == "survived" else "broken" if found.old == "survived" else "changed"
    if found.is_exact:
        return f"{ends}: {kind} in {found.after} ({probes})."
    between = ", ".join(f"{release} ({what})" for release, what in found.passed_over.items())
    return f"{ends}: {kind} after {found.before} and by {found.after}; between them {between} ({probes})."
