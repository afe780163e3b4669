"""A schedule that goes on ticking while the door is open: what becomes of its ticks in the minute after."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from harness.history import moment
from harness.trials.backlog import deploy_backlog
from harness.trials.moving import move_clock
from harness.trials.scenario import Scenario
from harness.trials.staging import Staging
from harness.words.names import WARP

_BEFORE_THE_FIRST = timedelta(seconds=25)
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


def stage_at_the_first(staging: Staging) -> None:
    """Where the first run is not due soon, the clock is moved to just before it."""
    deploy_backlog(staging)
    runs = staging.lab.api.flow_runs(deployments=staging.deployed.values())
    begins = min(moment(run["expected_start_time"]) for run in runs) - _BEFORE_THE_FIRST
    if begins > staging.lab.clock.now():
        move_clock(staging, begins)
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
    stage: Callable[[Staging], None] = stage,
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


_SOON = {**_DEFAULT_LOOPS, "PREFECT_API_SERVICES_SCHEDULER_LOOP_SECONDS": "5"}
_CRON = "cron * * * * * */10"

variants = {
    "": running("A cron ticks every 10 s; a worker lives.", _CRON, backlog="ticking"),
    "no-worker": running(
        "A cron ticks every 10 s; no worker takes its runs.", _CRON, backlog="ticking", fault="worker-killed"
    ),
    "asked-ahead": replace(
        running(
            "A cron ticks every 10 s; a worker lives, and asks 10 s ahead, as by default.",
            _CRON,
            backlog="ticking-asked-ahead",
        ),
        prefetch_seconds=10,
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
        settings={**_SOON, _AHEAD: "00:00:30"},
        doors=("add-slow-schedule", "none"),
    ),
    "rrule": replace(
        running(
            "An RRULE without a DTSTART, in a time zone west of UTC, ticks every 10 s; a worker lives.",
            "rrule FREQ=SECONDLY;INTERVAL=10 America/New_York",
            backlog="ticking-rrule",
            text="The lab's clock is moved to just before the first run that the server has made, if that is not due "
            "soon. The schedule goes on.",
            settings={**_SOON, _AHEAD: "00:03:00"},
            stage=stage_at_the_first,
        ),
        clock=WARP,
        applies=">=3.6.26",
        applies_reason="up to 3.6.25 the scheduler walks over all ticks of the rule since 2020 at each pass",
    ),
}
