"""A limit of 1 withholds runs from a worker that lives: they turn Late behind one run that waits for a signal."""

from dataclasses import replace

from harness.trials.scenario import Scenario
from harness.trials.staging import Staging


def stage_pool(staging: Staging) -> None:
    staging.limit_work_pool(1)
    staging.deploy_backlog()


def lift_pool(staging: Staging) -> None:
    staging.limit_work_pool(None)
    staging.give_signal()


def stage_queue(staging: Staging) -> None:
    staging.limit_work_queue(1)
    staging.deploy_backlog()


def lift_queue(staging: Staging) -> None:
    staging.limit_work_queue(None)
    staging.give_signal()


def stage_worker(staging: Staging) -> None:
    staging.deploy_backlog()


def lift_worker(staging: Staging) -> None:
    staging.give_signal()


_pool = Scenario(
    summary="A work pool's limit of 1 withholds runs while a worker lives; they turn Late.",
    state="Late",
    ticks=4,  # one of them is the run that is let through
    interval=1,
    minimum=3,
    holders_together=1,
    worker_limit=2,
    doors=("prefect-deploy", "pause-deployment"),
    stage=stage_pool,
    stage_text="The work pool's limit is 1, and one run holds it, waiting for a signal; a worker is alive.",
    lift=lift_pool,
    lift_text="The limit is taken away, and the run that was let through is given its signal.",
    backlog="overdue",
)

variants = {
    "pool": _pool,
    "queue": replace(
        _pool,
        summary="A work queue's limit of 1 withholds runs while a worker lives; they turn Late.",
        stage=stage_queue,
        stage_text="The work queue's limit is 1, and one run holds it, waiting for a signal; a worker is alive.",
        lift=lift_queue,
    ),
    "worker": replace(
        _pool,
        summary="A worker's own limit of 1 withholds runs while it lives; they turn Late.",
        stage=stage_worker,
        stage_text="The worker's own limit is 1, and one run holds it, waiting for a signal.",
        lift=lift_worker,
        lift_text="The run that was let through is given its signal; the others follow one by one.",
        worker_limit=1,
    ),
}
