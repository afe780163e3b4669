"""POST of another schedule of the same ticks, with parameters of its own."""

from __future__ import annotations

from harness.doors._door import CommandResult, Door, Treated
from harness.doors._http import OTHER_SCHEDULES, SCHEDULES, by_requests, send


def add_overlapping_schedule(treated: Treated, _nonce: str) -> CommandResult:
    another = {"active": True, "schedule": treated.schedules()[0]["schedule"], "parameters": {"note": "another"}}
    return send(treated, "POST", "/deployments/{id}/schedules", [another])


door = Door(
    add_overlapping_schedule,
    by_requests(f"POST {SCHEDULES} ", effect=OTHER_SCHEDULES),
    versions=">=3.2.0",
    versions_reason="a schedule has parameters of its own from 3.2.0 on",
)
