"""Which plans of a campaign a machine carries out, where several share it: every so many of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from harness.words.errors import UsageError

T = TypeVar("T")

INDEX, TOTAL = "CHAOS_SHARD_INDEX", "CHAOS_SHARD_TOTAL"
KUBERNETES = "JOB_COMPLETION_INDEX"  # of an Indexed Job, which has no variable for how many there are
GITLAB = ("CI_NODE_INDEX", "CI_NODE_TOTAL")  # the index only with `parallel`, and the total is 1 without
# The variables of a shard's index and of how many there are, and the number of the first.
_VARIABLES = ((INDEX, TOTAL, 0), (KUBERNETES, TOTAL, 0), (*GITLAB, 1))
_MOST = 10_000
_WORDS = re.compile(r"(?P<number>[1-9]\d{0,4})/(?P<total>[1-9]\d{0,4})")


class Shard(NamedTuple):
    """The one of that number, from 1 on, of so many."""

    number: int
    total: int

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"

    def of(self, things: Sequence[T]) -> dict[int, T]:
        """Which of these it has, by their places from 1 on: each is in one shard."""
        return {place: one for place, one in enumerate(things, start=1) if (place - self.number) % self.total == 0}


def parse_shard(words: str) -> Shard:
    """The shard that `3/8` says. Raises: UsageError."""
    found = _WORDS.fullmatch(words)
    if found and int(found["number"]) <= int(found["total"]) <= _MOST:
        return Shard(int(found["number"]), int(found["total"]))
    raise UsageError(f"There is no shard {words!r:.40}. Name one as 3/8: the third of eight.")


def shard_of_environment(environment: Mapping[str, str]) -> tuple[Shard, str] | None:
    """The shard that variables of a Kubernetes Indexed Job, a GitLab job or a GitHub matrix say, and which they are.

    None where there are none. Raises: UsageError, in one line, for variables that say no shard.
    """
    for index, total, first in _VARIABLES:
        if index not in environment:
            continue
        if total not in environment:  # rule: shard-wants-both
            raise UsageError(f"{index} is set and {total} is not, so nothing says how many shards there are: set it.")
        said = environment[index], environment[total]
        # rule: shard-of-a-number
        if not all(re.fullmatch(r"\d{1,5}", one) for one in said) or not first <= int(said[0]) < int(said[1]) + first:
            raise UsageError(
                f"{index}={said[0]!r:.40} and {total}={said[1]!r:.40} say no shard: name one with --shard."
            )
        return parse_shard(f"{int(said[0]) + 1 - first}/{int(said[1])}"), f"{index} and {total}"
    if TOTAL in environment:  # rule: shard-wants-both
        raise UsageError(f"{TOTAL} is set, and nothing says which shard this is: set {INDEX}, from 0 on.")
    return None
