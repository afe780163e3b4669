"""Deployments under `flow.serve` with a limit of 1: runs turn Late behind one that waits for a signal."""

from harness.trials.scenario import Scenario
from harness.trials.staging import Staging


def stage(staging: Staging) -> None:
    staging.deploy_backlog()


def lift(staging: Staging) -> None:
    staging.serve_again()
    staging.give_signal()


scenario = Scenario(
    summary="`flow.serve` with a limit of 1 withholds runs while it lives; they turn Late.",
    state="Late",
    ticks=4,  # one of them is the run that is let through
    interval=1,
    minimum=3,
    holders=1,
    doors=("serve-stop", "patch-deployment", "pause-deployment", "none"),
    served_by="serve.py",
    stage=stage,
    stage_text="Each deployment is served by a process of its own whose limit is 1; one run of it waits for a signal.",
    lift=lift,
    lift_text="A process that was stopped serves again, and the runs that were let through are given their signal.",
    backlog="overdue",
)
