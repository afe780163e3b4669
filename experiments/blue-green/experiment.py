"""Blue and green: a second deployment takes over, and the first one is retired in one of three ways."""

from harness.runs.experiments import Experiment, on_both_backlogs

_WAYS = {
    "pause the first by pause_deployment": "practice-green-pause",
    "pause its schedule by the command line": "practice-green-schedule",
    "delete the first": "practice-green-delete",
}

experiment = Experiment(
    hypothesis="A new deployment beside the old one leaves the runs of the old one alone.",
    practices=on_both_backlogs(_WAYS),
)
