"""Runs that are not due yet: deleting them is by design, and each tick must come back once."""

from harness.trials.scenario import Known, Scenario
from harness.trials.staging import Staging
from harness.words.names import TICKS

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
)
# Of them, those that make the schedule anew under a new id (seen in each trial's history): by POST, and by PATCH.
_REPLACING = ("upsert-deployment", "flow-deploy", "prefect-deploy", "deploy-unchanged", "deploy-parameters")
_MADE_AGAIN = (
    "PrefectHQ/prefect src/prefect/server/services/scheduler.py: upcoming runs are made again at its next pass"
)


def stage(staging: Staging) -> None:
    # Far enough ahead to be upcoming still when the last door was opened, on a machine as slow as this one.
    staging.quiet_seconds = max(15.0, staging.lab.start_seconds * (4 + len(staging.trials)))
    staging.deploy_backlog(later=staging.quiet_seconds)


def lift(_staging: Staging) -> None:
    """Their time comes by itself."""


scenario = Scenario(
    summary="Scheduled runs whose time is yet to come; a worker lives.",
    state="Scheduled",
    ticks=3,
    interval=1,
    minimum=3,
    upcoming=True,
    alone=True,
    judged_by=TICKS,
    worker_limit=2,
    doors=(*_KEEPING, "none"),
    stage=stage,
    stage_text="A worker is alive, and the scheduled times have not come.",
    lift=lift,
    lift_text="Nothing was held: the scheduled times come.",
    known=(
        Known("", "whole", _MADE_AGAIN, tuple(door for door in _KEEPING if door not in _REPLACING)),
        Known("<3.2.2", "whole", _MADE_AGAIN, _REPLACING),
        Known(
            ">=3.2.2",  # from there on the key that keeps a tick's run from being made twice holds the schedule's id
            "whole",
            _MADE_AGAIN,
            _REPLACING,
            sometimes="duplicate",
            sometimes_reference="docs/findings/an-upsert-may-run-each-tick-twice",
        ),
    ),
)
