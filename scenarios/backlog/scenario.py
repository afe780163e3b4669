"""A worker is gone until a hundred, a thousand or ten thousand runs of a deployment are Late.

The lab's clock is moved, so that their time passes at once.
"""

from dataclasses import replace
from datetime import timedelta

from harness.trials.moving import move_clock
from harness.trials.scenario import HUNDREDS_LATE, Scenario
from harness.trials.staging import Staging

INTERVAL = timedelta(minutes=1)
AHEAD = timedelta(minutes=30)  # of the first tick: longer than the server takes to make ten thousand runs
AT_ONCE = 500  # runs made by one request


def stage(staging: Staging) -> None:
    """Deploy a finite rule, have the server make a run for each tick, and move the clock past the last one."""
    staging.schedule(staging.lab.clock.now().replace(microsecond=0) + AHEAD)
    staging.deploy_all()
    staging.turn.close()
    staging.read_deployments()
    staging.record("act", what=f"have the server make {len(staging.due)} runs of each deployment")
    for deployment in staging.deployed.values():
        for first in range(0, len(staging.due), AT_ONCE):
            ticks = staging.due[first : first + AT_ONCE]
            staging.lab.api.schedule_runs(deployment, ticks[0], ticks[-1], len(ticks))
    move_clock(staging, staging.due[-1] + timedelta(seconds=5))


def backlog(runs: int) -> Scenario:
    return replace(
        HUNDREDS_LATE,
        summary=f"A worker is gone until {runs:,} runs of a deployment are Late.",
        ticks=runs,
        interval=int(INTERVAL.total_seconds()),
        minimum=runs,
        stage=stage,
        stage_text=f"Both deployments are given {runs:,} ticks, a minute apart. The server is asked for a run of each "
        "(`POST /deployments/{id}/schedule`), since its scheduler makes a hundred at once. Then the lab's clock goes "
        "past the last tick, and the runs turn Late.",
    )


variants = {str(runs): backlog(runs) for runs in (100, 1_000, 10_000)}
