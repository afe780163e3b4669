"""Whether a deploy, or what was done to a part of the lab, changed a setting of the deployment that nobody named."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import convert
from msgspec.structs import replace

from harness.checkers._check import Check
from harness.checkers._promise import Seen, promised
from harness.checkers._schedules import deployments_at, same_definition, same_schedule
from harness.history import moment, of_kind
from harness.words.events import DoorClosed, DoorOpens, Event
from harness.words.facts import Deployment, Schedule
from harness.words.names import SIDES, UPGRADE
from harness.words.promises import Breach
from harness.words.proof import DEEDS, NONCE, NOTHING, REDEPLOY, Effect, Proof
from harness.words.schedules import in_words

PROMISE = "A deploy changes no setting but those that it is to change; a restart, a stop or a failure changes none."
_SETTINGS = (
    "name", "description", "paused", "parameters", "tags", "job_variables", "entrypoint", "work_pool_name",
    "work_queue_name", "concurrency_limit", "limit", "concurrency_options",
)  # fmt: skip
_SCHEDULES = "schedules"
_NONCED = ("description", "parameters")  # what doors write a nonce into
# How a door is proven that sends a whole deployment, or nothing; or that touches no deployment, but a part of the lab.
_LOOKED_AT = (NONCE, REDEPLOY, NOTHING, DEEDS)
# What a release may say in other words than the one before: a limit has another name from 3.1 on.
_IN_WORDS_OF_A_RELEASE = ("concurrency_limit", "limit", "concurrency_options")


def check(events: Sequence[Event]) -> Check:
    """Broken by a field that is another after the deploy, and that the door does not declare.

    A deploy is a door that sends the deployment as it is to be: what is done to one thing alone may bring others along.
    What is done to a worker, a server or a database is to change nothing of a deployment.
    """
    return promised(events, _look)


def _look(events: Sequence[Event]) -> Seen | None:
    opened = of_kind(events, DoorOpens)
    proof = opened[-1].proof if opened else None
    if not isinstance(proof, Proof):  # before schema 6 no door said what it was to change
        return None
    if proof.by not in _LOOKED_AT:  # rule: settings-of-a-deploy
        return None
    upgraded = any(deed.of == UPGRADE for deed in proof.deeds)
    before = deployments_at(events, "before")
    before |= deployments_at(events, "between")  # rule: settings-of-the-last-step
    after = deployments_at(events, "after")
    answered = next((moment(door.answered_at) for door in of_kind(events, DoorClosed) if door.answered_at), None)
    breaches, looked_at = [], 0
    for side in SIDES:
        was, now = before.get(side), after.get(side)
        if was is None or now is None or now.deleted:
            continue
        asked = _declared(proof, now) | _with_the_nonce(now, opened[-1].nonce) if side == "treated" else set[str]()
        if upgraded:  # rule: settings-of-another-release
            now = _in_the_words_of(was, now)
        looked_at += side == "treated"
        breaches += [Breach(side=side, what=what) for what in _changed(was, now, asked, answered)]
    return Seen(held="no setting changed but what the door was to change", breaches=breaches) if looked_at else None


def _in_the_words_of(was: Deployment, now: Deployment) -> Deployment:
    """What a later release says of a deployment, as far as the earlier one had a word for it."""
    same = {field: getattr(was, field) for field in _IN_WORDS_OF_A_RELEASE}
    return replace(convert(_as_far_as(was.as_json(), now.as_json()), Deployment), **same)


def _as_far_as(was: Any, now: Any) -> Any:
    if was is None:
        return None
    if isinstance(was, dict) and isinstance(now, dict):
        return {key: _as_far_as(value, now.get(key)) for key, value in was.items()}
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [_as_far_as(one, other) for one, other in zip(was, now, strict=True)]
    return now


def _declared(proof: Proof, now: Deployment) -> set[str]:
    """The fields that a door says it changes, by its proof and by what it asks for."""
    # rule: settings-declared-by-the-proof (without first), settings-asked-for (without last)
    said = [*proof.effects, *proof.asks]
    return {effect.field for effect in said if effect.how == "changes" or _is_come_to(effect, now)}


def _is_come_to(effect: Effect, now: Deployment) -> bool:
    # rule: settings-becomes-what-was-asked (without last)
    return effect.how == "becomes" and bool(now.as_json().get(effect.field) == effect.value)


def _with_the_nonce(now: Deployment, nonce: str) -> set[str]:
    """The field that a door wrote its nonce into, if any: the first of those that doors write it into."""
    # rule: settings-with-the-nonce (never)
    return set([field for field in _NONCED if nonce and nonce in json.dumps(getattr(now, field))][:1])


def _changed(was: Deployment, now: Deployment, asked: Collection[str], answered: datetime | None) -> Iterator[str]:
    for field in _SETTINGS:
        one, other = getattr(was, field), getattr(now, field)
        if field == "tags":
            one, other = sorted(one or ()), sorted(other or ())
        if one != other and field not in asked:
            yield f"its {field.replace('_', ' ')} was {one!r}, and is {other!r}"
    if _SCHEDULES not in asked:
        yield from _changed_schedules(was.schedules, now.schedules, answered)


def _changed_schedules(were: Sequence[Schedule], are: Sequence[Schedule], answered: datetime | None) -> Iterator[str]:
    """What became of the schedules, whatever their ids are by now, from the answer of the door on."""
    left = list(are)
    for was in were:
        now = next((each for each in left if same_schedule(was, each, answered)), None)
        if now is None:
            yield f"its schedule {in_words(was.schedule)} is gone"
            continue
        left.remove(now)
        if bool(was.active) != bool(now.active):  # rule: settings-schedule-switched
            yield f"its schedule {in_words(was.schedule)} was {_state(was)}, and is {_state(now)}"
        if not same_definition(was.schedule, now.schedule, answered):
            yield f"the schedule of its schedule {in_words(was.schedule)} was {was.schedule!r}, and is {now.schedule!r}"
        for field in ("parameters", "slug"):
            if (one := getattr(was, field)) != (other := getattr(now, field)):
                yield f"the {field} of its schedule {in_words(was.schedule)} was {one!r}, and is {other!r}"
    yield from (f"it has a schedule that it had not: {in_words(each.schedule)}, {_state(each)}" for each in left)


def _state(schedule: Schedule) -> str:
    return "active" if schedule.active else "inactive"
