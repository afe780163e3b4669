"""Runs that were not asked to complete: of a large backlog only the first of each side are executed (`sample`).

The others are there and unaltered. They say nothing of whether they would run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from harness.checkers._findings import RunFate
from harness.history import moment, of_kind, opening_of
from harness.words.events import Drained, Event
from harness.words.facts import Answer, FlowRun
from harness.words.names import ENDED, SIDES


def with_unasked(
    fates: Sequence[RunFate],
    events: Sequence[Event],
    listed: Mapping[str, FlowRun],
    drained: Mapping[str, Sequence[Answer]],
) -> list[RunFate]:
    """The fates; those of runs that were not asked to complete are `unasked` in them.

    If the drain ended once the first runs of each side had ended (the opening says how many), only these were asked to.
    Else it went on for all trials of the lab, and each run that it left counts. `listed`: the runs before the door;
    `drained`: what the look after the drain answered; both by their ids.
    """
    opening, ends = opening_of(events), of_kind(events, Drained)
    number = opening.sample if opening else 0
    # rule: sample-if-drained-so (without last)
    if number < 1 or not (ends and ends[-1].sampled):
        return list(fates)
    there = {side: _there([one for one in fates if one.side == side]) for side in SIDES}
    first = [one for of_side in there.values() for one in of_side[:number]]
    # rule: sample-has-ended (never), sample-altered-has-ended (without last)
    if not all(one.end in ENDED or one.fate == "altered" for one in first):
        return list(fates)
    asked = {one.run for one in first}
    latest = max((moment(one.tick) for one in fates if one.completed or one.executions), default=None)
    waits = {
        run for run, was in listed.items() if any(_state_of(was) == _state_of(now) for now in drained.get(run, ()))
    }
    return [one if one.run in asked else _of_the_others(one, latest, waits) for one in fates]


def _there(fates: Sequence[RunFate]) -> list[RunFate]:
    """What is there of a side, by when it was due: so the drain chose its sample."""
    there = [one for one in fates if one.fate != "lost"]
    return sorted(there, key=lambda one: (moment(one.tick), one.run))  # rule: sample-due-first (unwrapped)


def _state_of(run: FlowRun) -> tuple[str | None, str | None]:
    return run.state_id, run.state_name


def _of_the_others(fate: RunFate, latest: datetime | None, waits: Collection[str]) -> RunFate:
    """`latest`: when the last of what was executed was due, since workers take what was due first, first.

    `waits`: the runs that are in the very state that they were listed in.
    """
    # rule: sample-unasked-if-kept (without first), sample-unasked-never-ran (without last)
    if fate.fate != "kept" or fate.completed or fate.executions:
        return fate
    # What a worker took and left, or did not take in its turn, may only have had too little time.
    passed_over = latest is not None and moment(fate.tick) < latest  # rule: sample-passed-over (gives False)
    put_off = fate.run not in waits  # rule: sample-unasked-as-it-was (gives False)
    return replace(fate, unasked=not passed_over and not put_off, stranded=False)
