"""Deploy at a quiet time: while nothing is late, and as a tick comes."""

from harness.runs.experiments import Case, Experiment, Practice

_LATE = Case("worker-outage")

experiment = Experiment(
    hypothesis="A deploy while no run is late or waits for a slot loses nothing.",
    practices=[
        Practice("deploy while nothing is late", Case("upcoming"), _LATE),
        Practice("the same, half a second before a tick", Case("ticking", at="tick-0.5s"), _LATE),
    ],
)
