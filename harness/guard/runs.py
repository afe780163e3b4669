"""A waiting flow run as a live server has it, and which kind of backlog it is of (the names of harness/known)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from harness.history import moment

OVERDUE, AWAITING_SLOT, AWAITING_RETRY, USER_CREATED = "overdue", "awaiting-slot", "awaiting-retry", "user-created"
UPCOMING, OTHER = "upcoming", "other"
KINDS = (OVERDUE, AWAITING_SLOT, AWAITING_RETRY, USER_CREATED, OTHER)  # those that can be lost; the table's order
_BY_STATE = {
    "Scheduled": OVERDUE,
    "Late": OVERDUE,
    "AwaitingConcurrencySlot": AWAITING_SLOT,
    "AwaitingRetry": AWAITING_RETRY,
}


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is read of a flow run: all that it takes to create it anew. None: the server named no such thing.

    expected_start_time  its tick, ISO 8601
    created_by           its schedule, by the server's word from 3.2.0 on
    labels               from 3.1 on
    """

    id: str
    name: str
    state_type: str | None
    state_name: str | None
    auto_scheduled: bool
    expected_start_time: str | None
    deployment_id: str | None = None
    flow_id: str | None = None
    parameters: Mapping[str, Any] = {}
    tags: Sequence[str] = ()
    work_pool_name: str | None = None
    work_queue_name: str | None = None
    job_variables: Mapping[str, Any] | None = None
    labels: Mapping[str, Any] | None = None
    idempotency_key: str | None = None
    created_by: Mapping[str, Any] | None = None
    run_count: int = 0

    def __post_init__(self) -> None:
        if self.expected_start_time is not None:
            moment(self.expected_start_time)  # what is no time is refused as it is read

    @property
    def tick(self) -> datetime | None:
        """The time that it is of, in UTC."""
        return moment(self.expected_start_time) if self.expected_start_time else None

    @property
    def schedule(self) -> str:
        """The id of the schedule that it is a tick of; empty where the server's release does not say.

        From 3.2.0 on `created_by` says it, from 3.2.2 on the key `scheduled DEPLOYMENT SCHEDULE TIME`, too
        (PrefectHQ/prefect src/prefect/server/models/deployments.py).
        """
        by = self.created_by or {}
        if by.get("type") == "SCHEDULE" and by.get("id"):
            return str(by["id"])
        words = (self.idempotency_key or "").split()
        if words[:1] == ["scheduled"] and len(words) > 3:
            try:
                return str(uuid.UUID(words[2]))
            except ValueError:
                return ""
        return ""


def kind_of(run: Run, now: datetime) -> str:
    """Which kind of backlog a waiting run is of by the server's clock; UPCOMING: the scheduler makes it again."""
    state = _BY_STATE.get(run.state_name or "", OTHER)
    if not run.auto_scheduled:  # rule: guard-user-created
        return USER_CREATED
    is_ahead = run.tick is not None and run.tick > now
    # rule: guard-upcoming-are-the-schedulers
    if is_ahead and state == OVERDUE:
        return UPCOMING
    return state


def is_held(run: Run) -> bool:
    """Whether it waits for a slot or for its retry, and not for its time."""
    return _BY_STATE.get(run.state_name or "") in (AWAITING_SLOT, AWAITING_RETRY)
