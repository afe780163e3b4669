"""DELETE of a schedule that had been added just before."""

from __future__ import annotations

from harness.doors._door import CommandResult, Door, Treated
from harness.doors._http import ANOTHER_SCHEDULE, SCHEDULES, THE_SAME_SCHEDULES, by_requests, send


def delete_sibling(treated: Treated, _nonce: str) -> CommandResult:
    """Another schedule is added, and deleted again; that whose runs are at risk stays."""
    before = {schedule["id"] for schedule in treated.schedules()}
    added = send(treated, "POST", "/deployments/{id}/schedules", ANOTHER_SCHEDULE)
    sibling = next((schedule["id"] for schedule in treated.schedules() if schedule["id"] not in before), None)
    if added.exit_code or sibling is None:
        return added if added.exit_code else CommandResult(1, "the added schedule is not there", added.seconds)
    return send(treated, "DELETE", f"/deployments/{{id}}/schedules/{sibling}")


door = Door(
    delete_sibling,
    by_requests(f"POST {SCHEDULES} ", f"DELETE {SCHEDULES}/", effect=THE_SAME_SCHEDULES),
    family="schedule-deletion",
)
