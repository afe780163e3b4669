"""Which runs of a snapshot a server has no more, and how each is created anew, once. No run that exists is touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from packaging.version import Version

from harness.guard.client import Client, RefusedError
from harness.guard.listing import (
    Deployment,
    deployments_by_id,
    deployments_called,
    is_gone,
    runs_at,
    runs_by_id,
    runs_by_key,
    version_of,
)
from harness.guard.runs import UPCOMING, Run, kind_of
from harness.guard.snapshot import Line, Snapshot

# What becomes of a line of a snapshot.
THERE, LEFT, RESTORED, MADE_ANEW, UNSURE, NO_DEPLOYMENT, TO_CREATE = FATES = (
    "on the server",
    "upcoming at the snapshot: left to the scheduler",
    "restored before",
    "not there, but another run of the same schedule and time is",
    "came due after the snapshot and gone: dropped by a deploy just before it, or no more in the schedule",
    "lost, and its deployment is gone: deploy that again first",
    "lost: to be created anew",
)
LOST = (NO_DEPLOYMENT, TO_CREATE)
# Releases whose create_flow_run takes labels: read in 3.2.0 to 3.9.1 (server/schemas/actions.py); others refuse them.
_LABELS_FROM = Version("3.2.0")
_OF_ONE_RUN = {400, 404, 409, 422}  # statuses that speak of one run alone: the next may be created all the same


@dataclass(frozen=True)
class Item:
    """A line, its fate, the deployment that it is created of, and the run that is there in its place."""

    line: Line
    fate: str
    deployment: Deployment | None = None
    instead: str = ""


@dataclass(frozen=True)
class Gone:
    """Those lines whose runs the server has no more, and those of which listing and look-up contradict each other."""

    lines: Sequence[Line]
    disputed: Sequence[str]


def look(client: Client, lines: Iterable[Line]) -> Gone:
    """Look every run up twice: in a listing by ids, and where that lacks it, one by one. Raises: NoWordError."""
    each = {line.run.id: line for line in lines}
    listed = {run.id for run in runs_by_id(client, each)}
    missing = [known for known in each if known not in listed]
    gone = {known for known in missing if is_gone(client, known)}  # rule: guard-gone-by-two-looks (always)
    return Gone([each[known] for known in missing if known in gone], [known for known in missing if known not in gone])


def plan(client: Client, snapshot: Snapshot, gone: Gone | None = None) -> list[Item]:
    """The fate of every line, by what the server has now; it only reads. Raises: NoWordError.

    gone  what a look has found; None: the server is looked at. Of those upcoming at the snapshot, some may have come
          due since, and be gone: whether they are lost, only the schedule says that they had
    """
    ahead = {line.run.id for line in snapshot.lines if kind_of(line.run, snapshot.at) == UPCOMING}
    at_risk = [line for line in snapshot.lines if line.run.id not in ahead]  # rule: guard-restores-no-upcoming (always)
    lost = (gone or look(client, at_risk)).lines
    restored = {run.idempotency_key: run.id for run in runs_by_key(client, map(key_of, lost))}
    targets = _targets(client, lost)
    anew = _made_anew(client, snapshot, [line for line in lost if key_of(line) not in restored], targets)
    found = (_fate(line, restored, anew, targets) for line in lost)
    fates = {item.line.run.id: _sure(item, ahead) for item in found}
    return [
        fates.get(line.run.id) or Item(line, LEFT if line.run.id in ahead else THERE)
        for line in sorted(snapshot.lines, key=lambda line: (line.run.expected_start_time or "", line.run.id))
    ]


def _fate(
    line: Line, restored: Mapping[str | None, str], anew: Mapping[str, str], targets: Mapping[str, Deployment]
) -> Item:
    deployment = targets.get(line.run.id)
    if key_of(line) in restored:  # rule: guard-restored-before
        return Item(line, RESTORED, deployment, restored[key_of(line)])
    if line.run.id in anew:  # rule: guard-tick-made-anew
        return Item(line, MADE_ANEW, deployment, anew[line.run.id])
    return Item(line, TO_CREATE if deployment else NO_DEPLOYMENT, deployment)


def _sure(item: Item, ahead: set[str]) -> Item:
    if item.fate in LOST and item.line.run.id in ahead:  # rule: guard-unsure-of-upcoming
        return replace(item, fate=UNSURE)
    return item


def _targets(client: Client, lost: Sequence[Line]) -> dict[str, Deployment]:
    """By run: its deployment; where that is gone, the one that has its flow and name now."""
    there = deployments_by_id(client, {str(line.run.deployment_id) for line in lost})
    names = {line.deployment for line in lost if str(line.run.deployment_id) not in there and line.deployment}
    called = {one.full_name: one for one in deployments_called(client, names)} if names else {}
    found = {line.run.id: there.get(str(line.run.deployment_id)) or called.get(line.deployment) for line in lost}
    return {known: deployment for known, deployment in found.items() if deployment}


def _made_anew(
    client: Client, snapshot: Snapshot, lost: Sequence[Line], targets: Mapping[str, Deployment]
) -> dict[str, str]:
    """By run: another run of its tick that the scheduler made since. Each stands for one lost run alone."""
    known = {line.run.id for line in snapshot.lines}
    found: dict[str, str] = {}
    for deployment in {one.id: one for one in targets.values()}.values():
        mine = [
            line.run
            for line in lost
            if line.run.auto_scheduled and line.run.tick and targets.get(line.run.id) == deployment
        ]
        ticks = [run.tick for run in mine if run.tick]
        if not ticks:
            continue
        others = [
            other
            for other in runs_at(client, deployment.id, min(ticks), max(ticks))
            if other.auto_scheduled and other.id not in known and other.tick in set(ticks)
        ]
        for run in mine:
            same = next((other for other in others if stands_for(other, run, deployment)), None)
            if same:
                others.remove(same)  # rule: guard-tick-stands-once
                found[run.id] = same.id
    return found


def stands_for(other: Run, lost: Run, deployment: Deployment) -> bool:
    """Whether another run is of the tick of a lost one: of its time and its schedule.

    A deploy may have made the schedule anew under another id, and old releases name none: then by the parameters.
    """
    if other.tick != lost.tick:  # rule: guard-tick-same-time
        return False
    if other.schedule and other.schedule == lost.schedule:
        return True
    still_there = lost.schedule in {schedule.id for schedule in deployment.schedules}
    if other.schedule and still_there:  # rule: guard-tick-same-schedule
        return False
    return other.parameters == lost.parameters


def key_of(line: Line) -> str:
    """The idempotency key of the run that is created for a lost one: a second creation gives the first one's run."""
    return f"restored {line.run.id}"


def body_of(line: Line, deployment: Deployment, version: str) -> dict[str, Any]:
    """What create_flow_run is sent for a lost run: as it was, due at its own time (at once where that has passed)."""
    run = line.run
    tick = run.expected_start_time
    body: dict[str, Any] = {
        "name": f"{run.name} (restored, of {tick})",
        "state": {"type": "SCHEDULED", "name": "Scheduled", "state_details": {"scheduled_time": tick} if tick else {}},
        "parameters": dict(run.parameters),
        "tags": list(run.tags),
        "idempotency_key": key_of(line),  # rule: guard-restored-once
    }
    if run.job_variables:
        body["job_variables"] = dict(run.job_variables)
    # A queue of another pool would be made anew in this one.
    in_its_pool = run.work_pool_name and run.work_pool_name == deployment.work_pool_name
    if in_its_pool and run.work_queue_name != deployment.work_queue_name:  # rule: guard-restored-into-its-queue
        body["work_queue_name"] = run.work_queue_name
    if Version(version) >= _LABELS_FROM:  # rule: guard-labels-where-taken (always)
        own = {name: value for name, value in (run.labels or {}).items() if not name.startswith("prefect.")}
        body["labels"] = {**own, "restored-run": run.id, "restored-tick": tick or ""}
    return body


def create(client: Client, items: Sequence[Item], tell: Callable[[int], None]) -> tuple[int, list[tuple[Item, str]]]:
    """Create what is to be created; returns how many, and each that was refused with the server's words.

    `tell` is called with how many there are by now. Raises: NoWordError; asked again, it goes on where it stopped.
    """
    version = version_of(client)
    created, refused = 0, []
    for item in items:
        if item.fate == TO_CREATE and item.deployment:
            path = f"/deployments/{item.deployment.id}/create_flow_run"
            try:
                said = client.ask("POST", path, body_of(item.line, item.deployment, version)).said
            except RefusedError as error:
                if error.status not in _OF_ONE_RUN:  # rule: guard-refused-one
                    raise
                refused.append((item, f"{error.status}: {error.said}"))
                continue
            if not isinstance(said, dict) or said.get("idempotency_key") != key_of(item.line):
                raise client.unexpected(f"POST {path}", "a run that was not asked for")
            created += 1
            tell(created)
    return created, refused


def counts(items: Iterable[Item]) -> dict[str, int]:
    """How many lines have each fate, without those that none has."""
    found = Counter(item.fate for item in items)
    return {fate: found[fate] for fate in FATES if found[fate]}
