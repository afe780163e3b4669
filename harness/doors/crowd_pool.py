"""250 overdue runs of another deployment in the same work pool wait for the slot of its limit, which nothing frees."""

from __future__ import annotations

from datetime import timedelta

from harness.doors._door import CommandResult, Door, Treated, after
from harness.doors._http import by_requests, send
from harness.words.errors import LabError

RUNS = 250  # a worker is handed 200 at a time


def crowd_pool(treated: Treated, _nonce: str) -> CommandResult:
    """As after an outage: the runs of 250 ticks are there at once, and their deployment lets one run at a time."""
    there, begins = treated.read(), treated.clock.now().replace(microsecond=0) - timedelta(seconds=RUNS + 10)
    same = {key: there[key] for key in ("flow_id", "entrypoint", "path", "pull_steps", "work_pool_name") if there[key]}
    crowd = treated.api.call("POST", "/deployments/", {"name": "crowd", "concurrency_limit": 1, **same})["id"]
    treated.api.call("POST", "/v2/concurrency_limits/increment", {"slots": 1, "names": [f"deployment:{crowd}"]})
    rule = f"DTSTART:{begins:%Y%m%dT%H%M%S}\nRRULE:FREQ=SECONDLY;COUNT={RUNS}"
    schedules = [{"active": True, "schedule": {"rrule": rule, "timezone": "UTC"}}]
    added = send(treated, "POST", f"/deployments/{crowd}/schedules", schedules)
    asked = {"start_time": begins.isoformat(), "min_runs": RUNS, "max_runs": RUNS}
    done = after(added, lambda: send(treated, "POST", f"/deployments/{crowd}/schedule", asked))
    made = treated.api.call("POST", "/flow_runs/count", {"deployments": {"id": {"any_": [crowd]}}})
    if done.exit_code == 0 and made != RUNS:
        raise LabError(f"the other deployment has {made} runs, and was to have {RUNS}")
    return done


door = Door(
    crowd_pool,
    by_requests("POST /api/deployments/[0-9a-f-]+/schedule "),
    own_pool=True,
)
