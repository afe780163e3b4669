"""A limit of 1 is full and no worker lives: runs are overdue, and about to be called Late."""

from harness.faults.slot_taken import take_slot
from harness.trials.backlog import deploy_backlog
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging
from harness.trials.system import StagedSystem


def stage(staging: Staging) -> None:
    deploy_backlog(staging)
    for deployment in staging.deployed.values():
        take_slot(StagedSystem(staging), deployment)


scenario = Scenario(
    summary="A deployment's limit of 1 is full and no worker lives; runs pass their time and are not marked Late yet.",
    state="Scheduled",
    ticks=3,
    interval=1,
    minimum=3,
    alone=True,
    by_name=True,
    server_settings={"PREFECT_API_SERVICES_LATE_RUNS_AFTER_SECONDS": "00:00:15"},
    doors=("prefect-deploy", "deploy-cancel-new"),
    worker_limit=1,  # it starts one run after the other, so that none meets another one at the limit
    concurrency_limit="1",
    backlog="overdue-full",
    fault="slot-taken",
    stage=stage,
    stage_text="Each deployment has a limit of 1, whose slot is taken. The scheduled times pass; the server calls a "
    "run Late after 15 s.",
    applies=">=3.0.4",
    applies_reason="a deployment's concurrency limit is enforced from 3.0.4 on",
)
