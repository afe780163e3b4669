"""Runs that are not due yet: deleting them is by design, and each tick must come back once."""

from harness.trials.backlog import deploy_backlog, stay_ahead
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging

# Doors after which the schedule still names the same ticks.
_KEEPING = (
    "prefect-deploy",
    "deploy-unchanged",
    "deploy-parameters",
    "deploy-slug",
    "flow-deploy",
    "upsert-deployment",
    "patch-deployment",
    "add-schedule",
    "delete-sibling",
    "deploy-storm",
    "upsert-storm",
)


def stage(staging: Staging) -> None:
    deploy_backlog(staging, later=stay_ahead(staging))


scenario = Scenario(
    summary="Scheduled runs whose time is yet to come; a worker lives.",
    state="Scheduled",
    ticks=3,
    interval=1,
    minimum=3,
    upcoming=True,
    alone=True,
    judged_by="ticks",
    worker_limit=2,
    doors=(*_KEEPING, "none"),
    backlog="upcoming",
    fault="none",
    stage=stage,
    stage_text="The scheduled times have not come.",
)
