"""A worker is gone until a hundred, a thousand or ten thousand runs of a deployment are Late.

The lab's clock is moved, so that their time passes at once.
"""

from datetime import timedelta

from harness.engines.settings import as_setting
from harness.trials.moving import move_clock
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging
from harness.words.names import WARP

INTERVAL = timedelta(minutes=1)
AHEAD = timedelta(minutes=30)  # of the first tick: longer than the scheduler takes to make ten thousand runs


def stage(staging: Staging) -> None:
    """Deploy a finite rule, and move the clock past its last tick once all runs are there."""
    staging.schedule(staging.lab.clock.now().replace(microsecond=0) + AHEAD)
    staging.deploy_all()
    staging.turn.close()
    staging.read_deployments()
    move_clock(staging, staging.due[-1] + timedelta(seconds=5))


def backlog(runs: int) -> Scenario:
    longest = AHEAD + (runs + 30) * INTERVAL
    return Scenario(
        summary=f"A worker is gone until {runs:,} runs of a deployment are Late.",
        state="Late",
        ticks=runs,
        interval=int(INTERVAL.total_seconds()),
        minimum=runs,
        backlog="overdue",
        fault="worker-killed",
        clock=WARP,
        by_name=True,
        stand_in=True,
        sample=20,
        worker_limit=6,
        doors=("prefect-deploy", "none"),
        stage=stage,
        stage_text=f"Both deployments are given {runs:,} ticks, a minute apart. The server is set to make all of their "
        "runs at once; once they are there, the lab's clock goes past the last of them. The runs turn Late.",
        server_settings={
            "PREFECT_API_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": as_setting(longest),
            "PREFECT_API_SERVICES_SCHEDULER_MAX_RUNS": str(runs + 30),  # of a schedule; default: 100
        },
    )


variants = {str(runs): backlog(runs) for runs in (100, 1_000, 10_000)}
