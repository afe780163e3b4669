"""A run holds the only slot, scheduled runs are to come, and a run that finds no slot is cancelled (CANCEL_NEW)."""

from datetime import timedelta

from harness.trials.backlog import deploy_backlog
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging


def stage(staging: Staging) -> None:
    # Far enough ahead to be upcoming still when the last door was opened, on a machine as slow as this one.
    staging.quiet_seconds = max(40.0, staging.lab.start_seconds * (8 + len(staging.trials))) + staging.doors_take
    deploy_backlog(staging, later=staging.quiet_seconds)
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
