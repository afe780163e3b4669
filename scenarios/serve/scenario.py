"""Deployments under `flow.serve` with a limit of 1: runs turn Late behind one that waits for a signal."""

from harness.trials.scenario import Scenario

scenario = Scenario(
    summary="`flow.serve` with a limit of 1 withholds runs while it lives; they turn Late.",
    state="Late",
    ticks=4,  # one of them is the run that is let through
    interval=1,
    minimum=3,
    holders=1,
    doors=("serve-stop", "patch-deployment", "pause-deployment", "none"),
    served_by="serve.py",
    backlog="overdue",
    fault="process-limited",
)
