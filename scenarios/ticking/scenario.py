"""A schedule that goes on ticking while the door is open: what becomes of its ticks in the minute after."""

from datetime import timedelta

from harness.trials.backlog import deploy_backlog
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging

_WATCHED = timedelta(seconds=60)  # from the staging on: the drain waits for every run that is due in that time
# As Prefect sets them by default: how often deployments that changed lately, and all of them, get their coming runs.
_DEFAULT_LOOPS = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "5",
    "PREFECT_API_SERVICES_SCHEDULER_LOOP_SECONDS": "60",
}
_AHEAD = "PREFECT_API_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME"  # how far ahead runs are made; default: one hour
_STAGED = "The schedule goes on."


def stage(staging: Staging) -> None:
    deploy_backlog(staging)
    staging.last_tick = staging.lab.clock.now() + _WATCHED


def running(
    summary: str,
    schedule: str,
    *,
    backlog: str,
    fault: str = "none",
    text: str = _STAGED,
    settings: dict[str, str] | None = None,
    doors: tuple[str, ...] = ("deploy-unchanged", "none"),
) -> Scenario:
    return Scenario(
        summary=summary,
        state="Scheduled",
        ticks=2,
        interval=10,
        minimum=2,
        schedules=(schedule,),
        upcoming=True,
        alone=True,
        by_name=True,
        judged_by="ticks",
        doors=doors,
        backlog=backlog,
        fault=fault,
        stage=stage,
        stage_text=text,
        # More than the scheduler's loop, and not the hundred runs of a schedule of seconds.
        server_settings=settings or {**_DEFAULT_LOOPS, _AHEAD: "00:03:00"},
    )


_CRON = "cron * * * * * */10"

variants = {
    "": running("A cron ticks every 10 s; a worker lives.", _CRON, backlog="ticking"),
    "no-worker": running(
        "A cron ticks every 10 s; no worker takes its runs.", _CRON, backlog="ticking", fault="worker-killed"
    ),
    "interval": running(
        "An interval of 10 s without an anchor; a worker lives.",
        "interval 10s",
        backlog="ticking-interval",
    ),
    "near": running(
        "A cron ticks every 10 s, and its runs are made half a minute ahead; a worker lives.",
        _CRON,
        backlog="ticking-near",
        text="The schedule goes on. The server makes its runs half a minute ahead (by default one hour), and looks for "
        "what it has to schedule every 5 s.",
        settings={**_DEFAULT_LOOPS, "PREFECT_API_SERVICES_SCHEDULER_LOOP_SECONDS": "5", _AHEAD: "00:00:30"},
        doors=("add-slow-schedule", "none"),
    ),
}
