"""A limit of 1 withholds runs from a worker that lives: they turn Late behind one run that waits for a signal."""

from dataclasses import replace

from harness.trials.scenario import Scenario

_pool = Scenario(
    summary="A work pool's limit of 1 withholds runs while a worker lives; they turn Late.",
    state="Late",
    ticks=4,  # one of them is the run that is let through
    interval=1,
    minimum=3,
    holders_together=1,
    worker_limit=2,
    doors=("prefect-deploy", "pause-deployment"),
    backlog="overdue",
    fault="pool-limited",
)

variants = {
    "pool": _pool,
    "queue": replace(
        _pool,
        summary="A work queue's limit of 1 withholds runs while a worker lives; they turn Late.",
        fault="queue-limited",
    ),
    "worker": replace(
        _pool,
        summary="A worker's own limit of 1 withholds runs while it lives; they turn Late.",
        fault="worker-limited",
    ),
}
