"""A run holds the only slot, scheduled runs are to come, and a run that finds no slot is cancelled (CANCEL_NEW)."""

from datetime import timedelta

from harness.trials.backlog import deploy_backlog, stay_ahead
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging


def stage(staging: Staging) -> None:
    deploy_backlog(staging, later=stay_ahead(staging, at_least=40.0, starts=8))
    now = staging.lab.clock.now()
    staging.record("act", what="a person starts a run of each deployment, which takes the slot")
    for deployment_id in staging.deployed.values():
        staging.lab.api.create_flow_run(deployment_id, now + timedelta(seconds=1))


scenario = Scenario(
    summary="A run holds the only slot; scheduled runs are to come, and are cancelled where they find none.",
    state="Scheduled",
    ticks=2,
    interval=20,  # a run has ended before the next one is submitted
    minimum=2,
    holders=1,
    upcoming=True,
    alone=True,
    by_name=True,
    concurrency_limit="1 CANCEL_NEW",
    doors=("worker-kill", "none"),
    backlog="behind-a-holder",
    fault="slot-held",
    stage=stage,
    stage_text="A person starts a run of each, which holds the only slot; the scheduled times have not come.",
    applies=">=3.0.8",
    applies_reason="a limit has a collision strategy in 3.0.8, the oldest release that was read for it",
)
