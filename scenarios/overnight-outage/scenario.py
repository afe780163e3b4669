"""An hourly and a five-minute cron, and their worker is gone for a night of twelve hours: its runs turn Late.

The lab's clock is moved, so that the night takes no time.
"""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from zoneinfo import ZoneInfo

from harness.trials.moving import pass_without_worker
from harness.trials.scenario import HUNDREDS_LATE, Scenario
from harness.trials.staging import Staging

ZONE = ZoneInfo("Europe/Paris")
CRONS = (f"cron 3 * * * * {ZONE.key}", f"cron */5 * * * * {ZONE.key}")  # which never tick at once
EVENING = timedelta(hours=19, minutes=5, seconds=10)  # the deploy is over long before the first tick, at 19:10
NIGHT = timedelta(hours=12, seconds=20)  # to just after a tick, so that the next is minutes away
TICKS = 12 + 144
TICKS_BACK = 11 + 132  # where clocks go back, Prefect leaves out the hour that comes again (checkers/_oracle.py)


def next_day(now: datetime) -> datetime:
    """The midnight, in the zone, that begins a day whose evening is still to come."""
    local = now.astimezone(ZONE)
    return local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def eve_of_change(now: datetime, *, forward: bool) -> datetime:
    """The midnight that begins the eve of the next night in which clocks go forward, or back."""
    day = next_day(now)
    while True:
        before, after = (at.utcoffset() or timedelta() for at in (day + timedelta(days=1), day + timedelta(days=2)))
        if before != after and (after > before) == forward:
            return day
        day += timedelta(days=1)


def stage(staging: Staging, *, forward: bool | None = None) -> None:
    """Deploy both crons in the evening, and move the clock over the night once all of its runs are there."""
    now = staging.lab.clock.now()
    day = next_day(now) if forward is None else eve_of_change(now, forward=forward)
    evening = (day + EVENING).astimezone(timezone.utc)
    pass_without_worker(staging, evening, evening + NIGHT, last_tick=evening + NIGHT - timedelta(seconds=30))


def night(summary: str, *, forward: bool | None = None, note: str = "", ticks: int = TICKS) -> Scenario:
    return replace(
        HUNDREDS_LATE,
        summary=summary,
        ticks=ticks,
        minimum=ticks,
        schedules=CRONS,
        stage=partial(stage, forward=forward),
        stage_text="In the evening both deployments are given an hourly and a five-minute cron (Europe/Paris). The "
        "server is set to make the runs of twelve and a half hours ahead (by default it makes those of one hour); once "
        f"all are there, the lab's clock goes over the night at once{note}. The runs of the night turn Late.",
        server_settings={
            # A move of the clock makes only those runs late that are there before it.
            "PREFECT_API_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "12:30:00",  # default: one hour
            "PREFECT_API_SERVICES_SCHEDULER_MAX_RUNS": "160",  # of a schedule; default: 100
        },
    )


variants = {
    "": night("A worker is gone for a night; the 156 runs of an hourly and a five-minute cron turn Late."),
    "mar": night(
        "The same in the night in which clocks go forward (Europe/Paris).",
        forward=True,
        note=", in which the clocks of the zone go forward",
    ),
    "oct": night(
        "The same in the night in which clocks go back (Europe/Paris).",
        forward=False,
        note=", in which the clocks of the zone go back",
        ticks=TICKS_BACK,
    ),
}
