"""A worker is killed, ticks pass, and no one marks them Late: the runs are overdue and still called Scheduled."""

from harness.trials.scenario import Scenario
from harness.trials.staging import Staging


def stage(staging: Staging) -> None:
    staging.kill_worker()
    staging.deploy_backlog()


def lift(staging: Staging) -> None:
    staging.start_worker()


scenario = Scenario(
    summary="A worker is killed; runs pass their time and are not marked Late yet.",
    state="Scheduled",
    ticks=3,
    interval=1,
    minimum=3,
    alone=True,
    server_settings={"PREFECT_API_SERVICES_LATE_RUNS_AFTER_SECONDS": "01:00:00"},
    doors=("prefect-deploy", "patch-deployment", "pause-deployment", "delete-schedule", "none"),
    worker_limit=2,
    stage=stage,
    stage_text="The worker that had just completed a run is killed (SIGKILL), and the scheduled times pass; "
    "the server calls a run Late only after an hour.",
    lift=lift,
    lift_text="The worker is started again.",
    backlog="overdue",
)
