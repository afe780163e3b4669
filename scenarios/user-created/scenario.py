"""Runs that a person scheduled, of a deployment without a schedule: late ones, and ones not yet due."""

from dataclasses import replace

from harness.trials.backlog import create_runs, deploy_unscheduled, stay_ahead
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging


def stage_late(staging: Staging) -> None:
    deploy_unscheduled(staging)
    create_runs(staging, ahead=1)


def stage_ahead(staging: Staging) -> None:
    deploy_unscheduled(staging)
    create_runs(staging, ahead=stay_ahead(staging))


_late = Scenario(
    summary="A person schedules runs, and no worker takes them; they turn Late.",
    state="Late",
    ticks=3,
    interval=1,
    minimum=3,
    worker_limit=2,
    doors=("prefect-deploy", "patch-deployment", "pause-deployment", "delete-deployment", "none"),
    schedules=("none",),
    backlog="user-created",
    fault="worker-killed",
    stage=stage_late,
    stage_text="A person schedules runs, and their time passes.",
)

variants = {
    "late": _late,
    "ahead": replace(
        _late,
        summary="A person schedules runs ahead; a worker lives.",
        state="Scheduled",
        upcoming=True,
        alone=True,
        fault="none",
        stage=stage_ahead,
        stage_text="A person schedules runs ahead, and their time has not come.",
    ),
}
