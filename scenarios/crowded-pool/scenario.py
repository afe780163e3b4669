"""Runs to come, of a worker that lives: what else waits in its pool?"""

from dataclasses import replace

from harness.trials.backlog import deploy_backlog, stay_ahead
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging

_WAIT = 30  # seconds, as by default: then a run asks again for a slot that it did not get


def stage(staging: Staging) -> None:
    """The runs lie so far ahead that a run that is refused a slot as the door is opened asks once more before them."""
    deploy_backlog(staging, later=stay_ahead(staging, at_least=2.0 * _WAIT))


_without_limit = Scenario(
    summary="Scheduled runs are to come; a worker without a limit lives, and asks 10 s ahead.",
    state="Scheduled",
    ticks=3,
    interval=1,
    minimum=3,
    upcoming=True,
    alone=True,
    by_name=True,
    judged_by="ticks",
    prefetch_seconds=10,  # as by default
    server_settings={"PREFECT_DEPLOYMENT_CONCURRENCY_SLOT_WAIT_SECONDS": str(_WAIT)},
    doors=("crowd-pool", "none"),
    backlog="beside-a-crowd",
    fault="none",
    stage=stage,
    stage_text="The scheduled times have not come.",
    applies=">=3.0.4",
    applies_reason="a deployment's concurrency limit is enforced from 3.0.4 on",
)

variants = {
    "": _without_limit,
    "limited": replace(
        _without_limit,
        summary="The same; the worker runs two flow runs at a time.",
        worker_limit=2,
        backlog="beside-a-crowd-limited",
    ),
}
