"""A worker that served its pool is killed or frozen, and ticks pass: the runs turn Late."""

from dataclasses import replace

from harness.trials.scenario import EVERY_DOOR, Scenario

_killed = Scenario(
    summary="A worker is killed; scheduled runs pass their time and turn Late.",
    state="Late",
    ticks=3,
    interval=1,
    minimum=3,
    in_reproduce=True,
    doors=EVERY_DOOR,
    worker_limit=4,
    backlog="overdue",
    fault="worker-killed",
    stage_text="The scheduled times pass.",
)

variants = {
    "": _killed,
    "frozen": replace(
        _killed,
        summary="A worker is frozen; scheduled runs pass their time and turn Late.",
        in_reproduce=False,
        doors=("prefect-deploy", "none"),
        fault="worker-frozen",
    ),
}
