"""Runs that a person scheduled, of a deployment without a schedule: late ones, and ones not yet due."""

from dataclasses import replace

from harness.trials.scenario import Scenario
from harness.trials.staging import Staging


def stage_late(staging: Staging) -> None:
    staging.kill_worker()
    staging.deploy()
    staging.create_runs(ahead=1)


def lift_late(staging: Staging) -> None:
    staging.start_worker()


def stage_ahead(staging: Staging) -> None:
    staging.deploy()
    # Far enough ahead to be upcoming still when the last door was opened, on a machine as slow as this one.
    staging.quiet_seconds = max(15.0, staging.lab.start_seconds * (4 + len(staging.trials)))
    staging.create_runs(ahead=staging.quiet_seconds)


def lift_ahead(_staging: Staging) -> None:
    """Their time comes by itself."""


_late = Scenario(
    summary="A person schedules runs, and no worker takes them; they turn Late.",
    state="Late",
    ticks=3,
    interval=1,
    minimum=3,
    worker_limit=2,
    doors=("prefect-deploy", "patch-deployment", "pause-deployment", "delete-deployment", "none"),
    stage=stage_late,
    stage_text="The worker is killed (SIGKILL), and a person schedules runs whose time passes.",
    lift=lift_late,
    lift_text="The worker is started again.",
    backlog="user-created",
)

variants = {
    "late": _late,
    "ahead": replace(
        _late,
        summary="A person schedules runs ahead; a worker lives.",
        state="Scheduled",
        upcoming=True,
        alone=True,
        stage=stage_ahead,
        stage_text="A person schedules runs ahead; a worker is alive, and their time has not come.",
        lift=lift_ahead,
        lift_text="Nothing was held: the runs' time comes.",
    ),
}
