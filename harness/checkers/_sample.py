"""Runs that the drain was not to come to: of a large backlog it has only the first of each side executed (`sample`).

The others are there and unaltered, and nobody asked them to run. So they say nothing of whether they would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.checkers._findings import RunFate
from harness.history import moment
from harness.words.names import DRAINED, SIDES


def with_unasked(fates: Sequence[RunFate], sample: int) -> list[RunFate]:
    """The fates, in which those that the drain did not come to are `unasked`; as they are where it was to come to all.

    `sample`: how many of each side's runs it was to come to, those due first; 0 is all.
    """
    if not sample:
        return list(fates)
    return [fate for side in SIDES for fate in _of_a_side([one for one in fates if one.side == side], sample)]


def _of_a_side(fates: Sequence[RunFate], sample: int) -> list[RunFate]:
    there = sorted((one for one in fates if one.fate != "lost"), key=lambda one: (moment(one.tick), one.run))
    first = {one.run for one in there[:sample]}
    # As long as one of them has not ended, the drain goes on for all.
    if not all(one.completed or one.fate == "altered" for one in there[:sample]):  # rule: sample-has-ended (never)
        return list(fates)
    return [one if one.run in first else _beside_the_sample(one) for one in fates]


def _beside_the_sample(fate: RunFate) -> RunFate:
    if fate.fate != "kept" or fate.completed or fate.executions:
        return fate
    # One that was asked, and put off, may only have run out of time.
    if not fate.stranded or fate.looks.get(DRAINED) != fate.before:  # rule: sample-unasked-as-it-was (never)
        return replace(fate, stranded=False)
    return replace(fate, unasked=True, stranded=False)
