"""A worker is killed, ticks pass, and no one marks them Late: the runs are overdue and still called Scheduled."""

from harness.trials.scenario import Scenario

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
    backlog="overdue",
    fault="worker-killed",
    stage_text="The scheduled times pass; the server calls a run Late only after an hour.",
)
