"""A worker that served its pool is killed, and ticks pass: the runs turn Late."""

from harness.trials.scenario import EVERY_DOOR, Scenario
from harness.trials.staging import Staging


def stage(staging: Staging) -> None:
    staging.kill_worker()
    staging.deploy_backlog()


def lift(staging: Staging) -> None:
    staging.start_worker()


scenario = Scenario(
    summary="A worker is killed; scheduled runs pass their time and turn Late.",
    state="Late",
    ticks=3,
    interval=1,
    minimum=3,
    in_reproduce=True,
    doors=EVERY_DOOR,
    worker_limit=4,
    stage=stage,
    stage_text="The worker that had just completed a run is killed (SIGKILL), and the scheduled times pass.",
    lift=lift,
    lift_text="The worker is started again.",
    backlog="overdue",
)
