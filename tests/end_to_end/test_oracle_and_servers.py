"""The oracle's ticks beside those of real servers, asked for all of 2026 and 2027 in five time zones.

A server is asked by its own `POST /deployments/{id}/schedule`, which makes the runs of any window. On Python 3.13 it
must agree in each tick; on 3.11 and 3.12 in all but `DIFFERS` below (docs/explanation/decisions/the-tick-oracle.md). A
release before 3.9.1 differs in whole-day intervals, and in crons at a time that is left out. A Python that uv does not
find on this machine is left out.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from harness.checkers._oracle import ticks_between
from harness.engines.base import SiteSetup
from harness.engines.processes.environment import build_environment, target
from harness.engines.processes.site import ProcessSite
from harness.engines.sweep import of_run, sweep
from harness.history import moment
from harness.lab.lab import Deadlines, Lab
from harness.lab.prefect_api import PrefectAPI
from harness.subjects.release import resolve_release
from harness.subjects.uv_tool import UvError, uv
from harness.words.names import SERVER, SQLITE

pytestmark = pytest.mark.end_to_end

ZONES = ("UTC", "Europe/Paris", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe")
YEARS = (2026, 2027)
# The server makes no run but those that it is asked for, and calls none of them late.
QUIET = {"PREFECT_API_SERVICES_SCHEDULER_ENABLED": "false", "PREFECT_API_SERVICES_LATE_RUNS_ENABLED": "false"}
Definition = dict[str, Any]
Window = tuple[datetime, datetime]


def sparse(zone: str) -> dict[str, Definition]:
    """Schedules that tick so rarely that a server is asked for two whole years of them."""
    rule = "FREQ=WEEKLY;BYDAY=SU;BYHOUR=2;BYMINUTE=22;BYSECOND=0"
    return {
        "cron-sundays": {"cron": "22 2 * * SUN"},
        "cron-either-day": {"cron": "30 1 1 * MON"},
        "cron-both-days": {"cron": "30 1 1-7 * SUN", "day_or": False},
        "interval-weeks": {"interval": 7 * 86400, "anchor_date": at(zone, "2025-06-01T02:22")},
        "interval-ten-days": {"interval": 10 * 86400, "anchor_date": at(zone, "2026-06-10T01:45")},
        "rrule-sundays": {"rrule": rule},
        "rrule-months": {"rrule": "DTSTART:20250131T023000\nRRULE:FREQ=MONTHLY"},
        "rrule-with-dates": {"rrule": "DTSTART:20260101T090000\nRRULE:FREQ=MONTHLY\nEXDATE:20260301T090000"},
    }


def daily(zone: str) -> dict[str, Definition]:
    """Schedules of a tick or two a day, at hours that are left out or come twice somewhere."""
    return {
        "cron-0222": {"cron": "22 2 * * *"},
        "cron-0145": {"cron": "45 1 * * *"},
        "interval-day": {"interval": 86400, "anchor_date": at(zone, "2025-06-01T02:22")},
        "interval-day-0145": {"interval": 86400, "anchor_date": at(zone, "2025-12-01T01:45")},
        "interval-day-to-come": {"interval": 86400, "anchor_date": at(zone, "2028-06-01T09:00")},
        "rrule-day": {"rrule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=22;BYSECOND=0"},
        "rrule-day-0145": {"rrule": "DTSTART:20260101T014500\nRRULE:FREQ=DAILY"},
    }


def dense(zone: str) -> dict[str, Definition]:
    """Schedules of an hour and less."""
    return {
        "cron-hours": {"cron": "0 * * * *"},
        "cron-20-minutes": {"cron": "*/20 * * * *"},
        "interval-hours": {"interval": 3600, "anchor_date": at(zone, "2025-06-01T00:10")},
        "interval-7-hours": {"interval": 7 * 3600, "anchor_date": at(zone, "2025-06-01T00:10")},
        "rrule-hours": {"rrule": "FREQ=HOURLY"},
        "rrule-45-minutes": {"rrule": "DTSTART:20260101T000500\nRRULE:FREQ=MINUTELY;INTERVAL=45"},
    }


def at(zone: str, text: str) -> str:
    """A local time as an anchor is sent: with its offset."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).isoformat()


def years() -> list[Window]:
    return [
        (datetime(year, 1, 1, tzinfo=timezone.utc), datetime(year, 12, 31, 23, 59, 59, tzinfo=timezone.utc))
        for year in YEARS
    ]


def changes(zone: str) -> list[datetime]:
    """When the clocks of a zone change in these years, to the hour; of a zone whose clocks do not, one day of each."""
    where = ZoneInfo(zone)
    hours = [
        datetime(year, 1, 1, tzinfo=timezone.utc) + timedelta(hours=hour) for year in YEARS for hour in range(365 * 24)
    ]
    found = [
        hour
        for hour in hours
        if hour.astimezone(where).utcoffset() != (hour - timedelta(hours=1)).astimezone(where).utcoffset()
    ]
    return found or [datetime(year, 3, 29, 1, tzinfo=timezone.utc) for year in YEARS]


def around(zone: str, reach: timedelta) -> list[Window]:
    return [(change - reach, change + reach) for change in changes(zone)]


def asked(zone: str) -> list[tuple[str, dict[str, Definition], list[Window]]]:
    """What is asked of a server in a zone: a deployment's name, its schedules by slug, and the windows."""
    found = [
        ("sparse", sparse(zone), years()),
        ("daily", daily(zone), around(zone, timedelta(days=3))),
        ("dense", dense(zone), around(zone, timedelta(hours=9))),
    ]
    if zone == "Europe/Paris":  # each day of both years
        whole = {slug: one for slug, one in daily(zone).items() if slug in ("cron-0222", "interval-day", "rrule-day")}
        found.append(("each-day", {f"{slug}-whole": one for slug, one in whole.items()}, years()))
    return found


def differences(api: PrefectAPI, zones: Sequence[str] = ZONES) -> dict[tuple[str, str], list[str]]:
    """Where a server's ticks are not the oracle's: by zone and schedule, each tick with who has it."""
    flow = api.call("POST", "/flows/", {"name": "oracle"})["id"]
    found: dict[tuple[str, str], list[str]] = {}
    asked_of = 0
    for zone in zones:
        for name, schedules, windows in asked(zone):
            body = {
                "name": f"{name}-{zone.replace('/', '-')}",
                "flow_id": flow,
                "parameter_openapi_schema": {"type": "object", "properties": {}},
                "schedules": [
                    {"slug": slug, "active": True, "schedule": {**one, "timezone": zone}}
                    for slug, one in schedules.items()
                ],
            }
            deployment = api.call("POST", "/deployments/", body)
            for start, end in windows:
                limits = {"min_runs": 1000, "max_runs": 1000, "min_time": 0.0}
                window = {"start_time": start.isoformat(), "end_time": end.isoformat()}
                api.call("POST", f"/deployments/{deployment['id']}/schedule", {**window, **limits})
            made: dict[str, list[datetime]] = {}
            for run in api.flow_runs(deployments=[deployment["id"]]):
                assert run["created_by"]["type"] == "SCHEDULE"
                made.setdefault(run["created_by"]["id"], []).append(moment(run["expected_start_time"]))
            for schedule in deployment["schedules"]:
                ticks = [tick for window in windows for tick in ticks_between(schedule["schedule"], *window)]
                asked_of += len(ticks)
                if odd := list(_odd(made.get(schedule["id"], []), ticks, ZoneInfo(zone))):
                    found[zone, schedule["slug"]] = odd
    assert asked_of > 1000 * len(zones), "a server that made nothing would agree with an oracle that knows nothing"
    return found


def _odd(made: list[datetime], ticks: list[datetime], zone: ZoneInfo) -> Iterator[str]:
    assert len(made) == len(set(made)), "the server made a run twice"
    for tick in sorted(set(made) ^ set(ticks)):
        yield f"{'server' if tick in made else 'oracle'} {tick.astimezone(zone):%Y-%m-%d %H:%M %z}"


PYTHONS = ("3.11", "3.12", "3.13")
# On Python 3.11 and 3.12 Prefect reckons intervals by pendulum. Of a time that comes twice it takes the second one for
# a day, and of two that its hours come to only the first (in one answer: the scheduler's next pass makes the other).
_BY_PENDULUM = {
    "Europe/Paris interval-hours": ["oracle 2026-10-25 02:10 +0100", "oracle 2027-10-31 02:10 +0100"],
    "America/New_York interval-hours": ["oracle 2026-11-01 01:10 -0500", "oracle 2027-11-07 01:10 -0500"],
    "America/New_York interval-day-0145": [
        "oracle 2026-11-01 01:45 -0400",
        "server 2026-11-01 01:45 -0500",
        "oracle 2027-11-07 01:45 -0400",
        "server 2027-11-07 01:45 -0500",
    ],
    "Australia/Lord_Howe interval-day-0145": [
        "oracle 2026-04-05 01:45 +1100",
        "server 2026-04-05 01:45 +1030",
        "oracle 2027-04-04 01:45 +1100",
        "server 2027-04-04 01:45 +1030",
    ],
}
DIFFERS: Mapping[str, Mapping[str, list[str]]] = {"3.11": _BY_PENDULUM, "3.12": _BY_PENDULUM, "3.13": {}}


@pytest.fixture
def lab_of(tmp_path: Path) -> Iterator[Any]:
    """Makes the lab of a release on a Python; nothing of it is left behind."""
    run = f"test-{secrets.token_hex(4)}"

    def of(release: str, python: str) -> Lab:
        built_for = replace(target(), python=python)
        try:
            uv(["python", "find", "--no-project", "--system", python])
        except UvError:
            pytest.skip(f"there is no Python {python}")
        environment = build_environment(resolve_release(release, built_for), built_for, print)
        keys = {SERVER: str(environment)}
        site = ProcessSite(SiteSetup(subject_keys=keys, database=SQLITE, run=run, lab="lab", folder=tmp_path))
        return Lab(site, {SERVER: release}, Deadlines(), QUIET)

    yield of
    sweep(of_run(run))


@pytest.mark.parametrize("python", PYTHONS)
def test_the_oracle_and_a_server_of_3_9_1_name_the_same_ticks(python: str, lab_of: Any) -> None:
    with lab_of("3.9.1", python) as lab:
        found = differences(lab.api)
    assert {f"{zone} {slug}": odd for (zone, slug), odd in found.items()} == DIFFERS[python]


# Before 3.9.1, on Python 3.11: how many ticks differ, of both sides. Crons at a time that is left out tick earlier, and
# days do not keep their hour in the half of the year in which the anchor does not lie.
BEFORE_3_9_1 = {
    "Europe/Paris": {
        "cron-sundays": 4, "cron-0222": 4, "cron-0222-whole": 4, "interval-weeks": 208, "interval-ten-days": 146,
        "interval-day": 46, "interval-day-0145": 22, "interval-day-to-come": 24, "interval-day-whole": 1460,
        "interval-hours": 2,
    },
    "Australia/Lord_Howe": {
        "cron-sundays": 4, "cron-0222": 4, "cron-20-minutes": 8, "cron-hours": 4, "interval-ten-days": 146,
        "interval-day": 10, "interval-day-0145": 28, "interval-day-to-come": 24,
    },
}  # fmt: skip


def test_a_server_before_3_9_1_has_other_ticks_of_some_schedules_and_no_others(lab_of: Any) -> None:
    with lab_of("3.8.6", "3.11") as lab:  # 3.9.0 answers 503, with the SQLAlchemy of its day
        found = differences(lab.api, list(BEFORE_3_9_1))
    numbers = {zone: {slug: len(odd) for (of, slug), odd in found.items() if of == zone} for zone in BEFORE_3_9_1}
    assert numbers == BEFORE_3_9_1
    assert found["Europe/Paris", "cron-0222"][:2] == [
        "server 2026-03-29 01:22 +0100", "oracle 2026-03-29 03:22 +0200",
    ]  # fmt: skip
