"""an automation's action pauses the deployment when an event comes."""

from __future__ import annotations

import itertools
import uuid

from harness.doors._door import CommandResult, Door, Treated
from harness.doors._http import PAUSED, by_requests, send
from harness.history import now
from harness.words.waiting import NotYet, wait_until

_EXECUTED = "prefect.automation.action.executed"
_EVENT = "survival.door"


def pause_by_automation(treated: Treated, nonce: str) -> CommandResult:
    """An automation is made whose action pauses the deployment, and the event that it waits for is sent.

    The server says by an event of its own when the action was done: that the deployment is paused shows before its runs
    are deleted (read in 3.0.8 to 3.9.1). Until then the event is sent again now and then, since a server may not know
    the automation yet when it comes. Then the automation is deleted.
    """
    started = treated.clock.monotonic()
    trigger = {"type": "event", "posture": "Reactive", "expect": [_EVENT], "match": {"prefect.resource.id": nonce}}
    action = {"type": "pause-deployment", "source": "selected", "deployment_id": treated.id}
    automation = {"name": nonce, "trigger": {**trigger, "threshold": 1, "within": 0}, "actions": [action]}
    done = send(treated, "POST", "/automations/", automation)
    asked = itertools.count()

    def executed() -> str:
        nonlocal done
        if done.exit_code:
            return ""
        found = treated.api.call("POST", "/events/filter", {"filter": {"event": {"name": [_EXECUTED]}}})["events"]
        by = [event["resource"] for event in found if event["resource"].get("prefect.resource.name") == nonce]
        if by:
            return str(by[0]["prefect.resource.id"]).removeprefix("prefect.automation.")
        if next(asked) % 10 == 0:  # rule: automation-asked-again
            event = {"id": str(uuid.uuid4()), "occurred": now(treated.clock), "event": _EVENT}
            done = send(treated, "POST", "/events", [{**event, "resource": {"prefect.resource.id": nonce}}])
        raise NotYet(f"the event was sent, and there is no {_EXECUTED}")  # rule: automation-by-its-action

    made = wait_until("the automation's action", executed, seconds=treated.seconds, every=1.0, clock=treated.clock)
    if made:
        done = send(treated, "DELETE", f"/automations/{made}")
    return CommandResult(done.exit_code, done.output, treated.clock.monotonic() - started)


door = Door(
    pause_by_automation,
    by_requests("POST /api/automations/ ", "POST /api/events ", effect=PAUSED),
    family="pause",
    versions=">=3.0.0",
    versions_reason="a server has automations of its own from 3.0.0 on",
    server_settings={
        "PREFECT_API_SERVICES_TRIGGERS_ENABLED": "true",
        "PREFECT_API_SERVICES_EVENT_PERSISTER_ENABLED": "true",
        "PREFECT_API_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "1",
    },
)
