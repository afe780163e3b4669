"""Whether what the API answered before the server or its database was interrupted is still so after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.checkers._check import Check
from harness.checkers._promise import Seen, promised
from harness.checkers._runs import EXPECTED, IDENTITY, is_gone_for_good, same_instant
from harness.history import of_kind
from harness.words.events import Event
from harness.words.facts import Answer, Deployment, FlowRun
from harness.words.part_events import ReadBack
from harness.words.promises import Breach

PROMISE = "What the API answered before its server or database was interrupted is still so after it: runs, deployments."
# What a server changes by itself (its status, when it was updated or polled) is none of these.
_OF_A_DEPLOYMENT = (
    "name", "description", "paused", "parameters", "tags", "job_variables", "entrypoint", "work_pool_name",
    "work_queue_name", "concurrency_limit", "limit", "concurrency_options", "schedules",
)  # fmt: skip
_UNTOLD = ""


def check(events: Sequence[Event]) -> Check:
    """Broken by a run or a deployment, read or created with 2xx before an interruption, that is not so after it.

    A run may have moved on since: the state that it was in has to be among its states.
    """
    return promised(events, _look)


def _look(events: Sequence[Event]) -> Seen | None:
    breaches: list[Breach] = []
    doubt, runs, times = "", set[str](), 0
    before: ReadBack | None = None
    for event in of_kind(events, ReadBack):
        if event.when == "before":
            before = event
            continue
        if before is None:
            return Seen(doubt="what was read after an interruption was not read before it")
        times += 1
        runs |= {run.run for run in before.runs} | {*before.created}
        breaches += [Breach(side="", what=what) for what in _deployments(before, event)]
        for run, what in _runs(before, event):
            if what == _UNTOLD:  # rule: durable-untold-is-unknown
                doubt = f"nothing tells what became of run {run} after {event.fault}"
            else:
                breaches.append(Breach(side="", run=run, what=what))
        before = None
    if before is not None:  # rule: durable-is-read-back
        doubt = f"nothing was read back after {before.fault}"
    if not times and not doubt:
        return None
    held = f"{len(runs)} runs were the same after each of {times} interruptions, and so were their deployments"
    return Seen(held=held, breaches=breaches, doubt="" if breaches else doubt, shared=True)


def _runs(before: ReadBack, after: ReadBack) -> Iterator[tuple[str, str]]:
    """Each run that is not as it was, and what became of it."""
    there = {run.run: run for run in after.runs}
    answers: dict[str, list[Answer]] = {}
    for answer in after.answers:
        answers.setdefault(answer.run, []).append(answer)
    listed = {run.run: run for run in before.runs}
    for run in dict.fromkeys((*listed, *before.created)):
        was, asked = listed.get(run), answers.get(run, [])
        now = there.get(run) or next((one for one in asked if one.status == 200), None)
        if now is None:
            how = f"was {was.state_name}" if was else "was created"
            gone = is_gone_for_good(asked)  # rule: durable-gone-for-good (gives True)
            yield run, f"{how} before {after.fault}, and is gone after it" if gone else _UNTOLD
        elif was is not None and (changed := _changed(was, now, after.states.get(run, ()))):
            yield run, f"{changed} after {after.fault}"


def _changed(was: FlowRun, now: FlowRun, states: Sequence[str]) -> str:
    """What of a run is another, as the end of a sentence; empty where nothing is."""
    for field in IDENTITY:
        if (one := getattr(was, field)) != (other := getattr(now, field)):  # rule: durable-same-run
            return f"had the {field} {one!r}, and has {other!r}"
    if not same_instant(getattr(was, EXPECTED), getattr(now, EXPECTED)):
        return f"was due at {was.expected_start_time}, and is at {now.expected_start_time}"
    if was.state_id != now.state_id and was.state_id not in states:  # rule: durable-states-stay (without last)
        return f"was {was.state_name}, and that is none of its states"
    return ""


def _deployments(before: ReadBack, after: ReadBack) -> Iterator[str]:
    """What became of each deployment that is not as it was."""
    there = {one.id: one for one in after.deployments}
    for was in before.deployments:
        now = there.get(was.id)
        if now is None or now.deleted:  # rule: durable-deployment-is-there (without last)
            yield f"deployment {was.name} was there before {after.fault}, and is gone after it"
        elif other := _other(was, now):
            yield f"{other} after {after.fault}"


def _other(was: Deployment, now: Deployment) -> str:
    for field in _OF_A_DEPLOYMENT:
        if (one := getattr(was, field)) != (other := getattr(now, field)):  # rule: durable-same-deployment
            return f"the {field} of deployment {was.name} was {one!r:.200}, and is {other!r:.200}"
    return ""
