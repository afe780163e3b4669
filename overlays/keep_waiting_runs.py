"""What waits is kept: updates, pauses and deletions of a schedule delete only runs that are not due yet.

Kept are the runs past their time, whatever their state is called, and those that wait for a slot or for their retry.
The deletion of a deployment is left as it is.
"""

import functools
import inspect
from datetime import datetime, timezone

import sqlalchemy as sa
from prefect.server.database.dependencies import provide_database_interface

MODULE = "prefect.server.models.deployments"
# On each of these, what updates or pauses a deployment or changes its schedules calls `_delete_scheduled_runs` with
# `auto_scheduled_only=True`, and the deletion of a deployment alone calls it with False (read on 2.20.20, 3.0.9, 3.1.2,
# 3.3.3, 3.3.4, 3.6.26 and 3.9.1).
RELEASES = ">=2.20.0,<3.10"
WAITS = ("AwaitingConcurrencySlot", "AwaitingRetry")


def patch(module):
    original = module._delete_scheduled_runs
    has = inspect.signature(original).parameters.keys()
    if missing := {"session", "deployment_id", "auto_scheduled_only"} - has:
        raise TypeError(f"_delete_scheduled_runs has no {', '.join(sorted(missing))}")

    @functools.wraps(original)
    async def _delete_scheduled_runs(*args, **kwargs):
        if not kwargs.get("auto_scheduled_only"):
            await original(*args, **kwargs)
            return
        runs, now = provide_database_interface().FlowRun, datetime.now(timezone.utc)
        await kwargs["session"].execute(
            sa.delete(runs).where(
                runs.deployment_id == kwargs["deployment_id"],
                runs.auto_scheduled.is_(True),
                runs.state_type == "SCHEDULED",
                runs.state_name.not_in(WAITS),
                runs.run_count == 0,
                runs.expected_start_time > now,
                runs.next_scheduled_start_time > now,
            )
        )

    module._delete_scheduled_runs = _delete_scheduled_runs
