"""Pause, update, resume: each thing that can be paused around a `prefect deploy`, for late runs and for a slot."""

from harness.runs.experiments import Experiment, on_both_backlogs

_WAYS = {
    "pause the deployment by PATCH": "practice-patch",
    "pause it by pause_deployment": "practice-pause-deployment",
    "pause its schedule by the command line": "practice-schedule",
    "pause its work pool": "practice-pool",
    "pause its work queue": "practice-queue",
}

experiment = Experiment(
    hypothesis="A deploy between a pause and a resume keeps the runs that wait.",
    practices=on_both_backlogs(_WAYS),
)
