"""Blue and green: a second deployment takes over, and the first one is retired in one of three ways."""

from harness.runs.experiments import Case, Experiment, Practice

_WAYS = {
    "pause the first by pause_deployment": "practice-green-pause",
    "pause its schedule by the command line": "practice-green-schedule",
    "delete the first": "practice-green-delete",
}
_BACKLOGS = {"late runs": "worker-outage", "runs that wait for a slot": "concurrency-limit"}

experiment = Experiment(
    hypothesis="A new deployment beside the old one leaves the runs of the old one alone.",
    practices=[
        Practice(f"{way}; {runs}", Case(scenario, door), Case(scenario))
        for runs, scenario in _BACKLOGS.items()
        for way, door in _WAYS.items()
    ],
)
