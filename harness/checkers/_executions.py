"""What ran, by the marks that flows leave outside of Prefect, beside what the server says of each run.

`Completed` is the server's word. A run that is called so has to have been executed once since it was listed, with the
parameters that it was listed with; the twin's runs, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.history import of_kind
from harness.words.events import Event, Executions
from harness.words.facts import Execution, FlowRun

if TYPE_CHECKING:
    from harness.checkers._findings import RunFate


def executed_between(events: Sequence[Event], first: str, last: str) -> dict[str, list[Execution]] | None:
    """The executions, by the run's id, that the last marks show and the first do not; None where either is not there.

    Before schema 4 flows left no marks.
    """
    read = _marks(events)
    if first not in read or last not in read:
        return None
    before = {one.key for one in read[first]}
    since: dict[str, list[Execution]] = {}
    for one in read[last]:
        if one.key not in before:  # rule: executed-since-listed (always)
            since.setdefault(one.run, []).append(one)
    return since


def _marks(events: Sequence[Event]) -> dict[str, Sequence[Execution]]:
    """The marks as they were last read at each time."""
    return {event.when: event.executions for event in of_kind(events, Executions)}


def executed_by(events: Sequence[Event], when: str) -> dict[str, list[Execution]]:
    """Every execution that the marks show at that time, by the run's id; nothing where they were not read then."""
    found: dict[str, list[Execution]] = {}
    for one in _marks(events).get(when, ()):
        found.setdefault(one.run, []).append(one)
    return found


def with_executions(
    fates: Sequence[RunFate],
    listed: Mapping[str, FlowRun],
    since: Mapping[str, Sequence[Execution]],
    declared: Mapping[str, dict[str, Any]],
) -> tuple[list[RunFate], list[str]]:
    """The fates of both sides with what ran since the runs were listed, and what of it forbids a verdict, in words.

    What a run has to receive beside the parameters that it was listed with are its flow's own defaults: as its
    deployment `declared` them (by the deployment's id), or, before schema 5, as the twin's received them.
    """
    of_twin = (one.parameters or {} for fate in fates if fate.side == "twin" for one in since.get(fate.run, ()))
    as_twin: dict[str, Any] | None = next(of_twin, None)
    found, flaws = [], []
    for fate in fates:
        ran = since.get(fate.run, [])
        told = replace(fate, executions=len(ran))
        if fate.fate == "lost" and ran:  # rule: executed-and-gone
            flaws.append(f"run {fate.run} is gone, and was executed since it was listed")
        if fate.fate in ("kept", "progressed"):
            # rule: executed-declared-parameters (default)
            defaults = declared.get(str(listed[fate.run].deployment_id), as_twin)
            why = _executed_otherwise(told, ran, listed[fate.run].parameters or {}, defaults)
            told = replace(told, fate="altered", why=why) if why else told
        found.append(told)
    return found, flaws


def _executed_otherwise(
    fate: RunFate, ran: Sequence[Execution], listed: dict[str, Any], defaults: dict[str, Any] | None
) -> str:
    """How a run was executed otherwise than once, as it was listed; empty where it was not."""
    if fate.executed_twice:  # rule: executed-not-twice
        return f"it was executed {len(ran)} times since it was listed"
    if fate.never_ran:  # rule: executed-once
        return "it is called Completed, and was never executed since it was listed"
    if fate.completed and any(one.ended is None for one in ran):  # rule: executed-to-its-end
        return "it is called Completed, and its flow began and never ended"
    for one in ran:
        if one.parameters is None:  # no flow received any (scenarios/_common/stand_in.py)
            continue
        received, expected = one.parameters, {**(defaults or {}), **listed}
        # rule: executed-parameters
        if received != expected and (defaults is not None or not listed.items() <= received.items()):
            return f"it was executed with {received!r}, and not with {expected!r}"
    return ""
