"""What campaigns have executed so far: how often each kind of step, in which state, and each pair of kinds in a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from harness.chaos.plans import CONDITIONS, DOORS, FAULTS, INTERRUPTIONS

BEGIN = "begin"  # what the first step of a plan comes after
# In the order in which they are drawn from; a kind is added at the end, since the place is part of what a seed draws.
KINDS = (
    *(f"open {door}" for door in DOORS),
    *(f"{word} {fault}" for fault in FAULTS for word in ("hurt", "lift")),
    "move-clock",
    "create-runs",
    *(f"wait {condition}" for condition in CONDITIONS),
    *(f"interrupt {fault}" for fault in INTERRUPTIONS),
)


class Coverage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often each was executed, by its name.

    pairs   of kinds, one after the other: `first > second`
    places  kinds by the state that they were taken in (model.py): `overdue: open prefect-deploy`
    """

    steps: dict[str, int] = {}
    pairs: dict[str, int] = {}
    places: dict[str, int] = {}

    def also(self, executed: Sequence[str], places: Sequence[str]) -> Coverage:
        """The same with one more plan: the kinds of the steps of it that were executed, in order, and their places."""
        pairs = [_pair(first, then) for first, then in pairwise([BEGIN, *executed])]
        return self.merged(Coverage(steps=_sum(executed), pairs=_sum(pairs), places=_sum(places)))

    def merged(self, other: Coverage) -> Coverage:
        """What both have together."""
        return Coverage(
            steps=_plus(self.steps, other.steps),
            pairs=_plus(self.pairs, other.pairs),
            places=_plus(self.places, other.places),
        )

    def times_after(self, first: str, then: str) -> int:
        """How often a kind was executed just after another."""
        return self.pairs.get(_pair(first, then), 0)

    def times_in(self, state: str, kind: str) -> int:
        """How often a kind was executed in a state."""
        return self.places.get(place(state, kind), 0)


def place(state: str, kind: str) -> str:
    """A kind of step in a state, as `places` names it."""
    return f"{state}: {kind}"


def _pair(first: str, then: str) -> str:
    return f"{first} > {then}"


def _sum(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names))


def _plus(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
