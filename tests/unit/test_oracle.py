"""The ticks of a schedule by its definition: in time zones, across changes of the clocks, by days and by seconds."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.checkers._oracle import first_tick, ticks_between

PARIS = "Europe/Paris"
Definition = dict[str, Any]


def local(schedule: Definition, start: str, end: str) -> list[str]:
    """The ticks from one local time to another, as the clocks of the schedule's zone show them."""
    zone = ZoneInfo(schedule.get("timezone") or "UTC")
    ends = [datetime.fromisoformat(each).replace(tzinfo=zone) for each in (start, end)]
    return [f"{tick.astimezone(zone):%d %H:%M %z}" for tick in ticks_between(schedule, *ends)]


def cron(text: str, zone: str = PARIS, **more: Any) -> Definition:
    return {"cron": text, "timezone": zone, **more}


def every(zone: str = PARIS, *, anchor: str, **step: float) -> Definition:
    return {"interval": timedelta(**step).total_seconds(), "anchor_date": anchor, "timezone": zone}


def test_a_cron_ticks_once_in_a_time_that_comes_twice() -> None:
    assert local(cron("22 2 * * *"), "2026-10-24T00:00", "2026-10-26T12:00") == [
        "24 02:22 +0200", "25 02:22 +0200", "26 02:22 +0100",
    ]  # fmt: skip


def test_an_hourly_cron_ticks_once_in_the_two_hours_of_one_name() -> None:
    assert local(cron("0 * * * *"), "2026-10-25T00:30", "2026-10-25T04:30") == [
        "25 01:00 +0200", "25 02:00 +0200", "25 03:00 +0100", "25 04:00 +0100",
    ]  # fmt: skip


def test_a_cron_in_a_time_that_is_left_out_ticks_as_much_later() -> None:
    assert local(cron("22 2 * * *"), "2027-03-27T00:00", "2027-03-29T12:00") == [
        "27 02:22 +0100", "28 03:22 +0200", "29 02:22 +0200",
    ]  # fmt: skip


def test_two_times_of_a_cron_that_become_one_are_one_tick() -> None:
    assert local(cron("0 * * * *"), "2027-03-28T00:30", "2027-03-28T04:30") == [
        "28 01:00 +0100", "28 03:00 +0200", "28 04:00 +0200",
    ]  # fmt: skip


@pytest.mark.rule("oracle-day-or", "`day_or: false` asks for both the day of the month and the day of the week.")
def test_a_cron_asks_for_either_day_or_for_both() -> None:
    either = local(cron("0 9 1 * MON", "UTC"), "2026-11-01T00:00", "2026-11-30T00:00")
    both = local(cron("0 9 1 * MON", "UTC", day_or=False), "2026-11-01T00:00", "2027-02-28T00:00")
    assert either == [f"{day:02} 09:00 +0000" for day in (1, 2, 9, 16, 23)]
    assert both == ["01 09:00 +0000"], "the first of February 2027 is a Monday"


def test_a_cron_for_a_day_that_there_is_not_never_ticks() -> None:
    assert local(cron("0 0 30 2 *", "UTC"), "2026-01-01T00:00", "2027-12-31T00:00") == []


@pytest.mark.rule("oracle-calendar-days", "An interval of whole days in a time zone keeps its hour.")
def test_an_interval_of_whole_days_keeps_its_hour_and_one_of_hours_does_not() -> None:
    window = ("2026-10-24T00:00", "2026-10-26T23:00")
    anchor = "2026-01-01T08:00:00Z"  # 9:00 in Paris
    assert local(every(anchor=anchor, days=1), *window) == ["24 09:00 +0200", "25 09:00 +0100", "26 09:00 +0100"]
    assert local(every("UTC", anchor=anchor, days=1), *window)[:2] == ["24 08:00 +0000", "25 08:00 +0000"]
    hourly = local(every(anchor=anchor, hours=1), "2026-10-25T01:00", "2026-10-25T03:00")
    assert hourly == ["25 01:00 +0200", "25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]


def test_an_interval_of_days_keeps_the_hour_that_a_gap_moved_it_to() -> None:
    schedule = every(anchor="2027-03-26T01:30:00Z", days=1)  # 2:30 in Paris
    assert local(schedule, "2027-03-27T00:00", "2027-03-30T00:00") == [
        "27 02:30 +0100", "28 03:30 +0200", "29 03:30 +0200",
    ]  # fmt: skip


def test_an_anchor_to_come_does_not_hold_back_the_ticks_before_it() -> None:
    schedule = every(anchor="2026-06-10T07:00:00Z", days=1)  # 9:00 in Paris
    assert local(schedule, "2026-03-28T00:00", "2026-03-29T23:00") == ["28 09:00 +0100", "29 09:00 +0200"]
    hourly = every("UTC", anchor="2027-01-01T00:20:00Z", hours=1)
    assert local(hourly, "2026-06-01T00:00", "2026-06-01T02:00") == ["01 00:20 +0000", "01 01:20 +0000"]


def test_a_rule_without_its_beginning_began_in_2020() -> None:
    rule = {"rrule": "FREQ=HOURLY;INTERVAL=7", "timezone": "UTC"}
    since = datetime(2020, 1, 1, tzinfo=timezone.utc)
    now = datetime(2026, 11, 27, 12, 0, 3, tzinfo=timezone.utc)
    ticks = ticks_between(rule, now, now + timedelta(days=2))
    assert len(ticks) == 7
    assert all((tick - since) % timedelta(hours=7) == timedelta() for tick in ticks)


def test_the_zone_of_a_rule_is_its_schedules_whatever_its_beginning_says() -> None:
    rule = {"rrule": "DTSTART:20260101T090000Z\nRRULE:FREQ=DAILY", "timezone": PARIS}
    assert local(rule, "2026-10-24T00:00", "2026-10-26T00:00") == ["24 09:00 +0200", "25 09:00 +0100"]


@pytest.mark.rule("oracle-rule-in-a-gap", "A time of a rule that is left out lies as much earlier as is left out.")
def test_a_rule_in_a_time_that_is_left_out_ticks_as_much_earlier() -> None:
    rule = {"rrule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=22;BYSECOND=0", "timezone": PARIS}
    assert local(rule, "2027-03-27T00:00", "2027-03-29T12:00") == [
        "27 02:22 +0100", "28 01:22 +0100", "29 02:22 +0200",
    ]  # fmt: skip
    assert local(rule, "2026-10-25T00:00", "2026-10-26T12:00") == ["25 02:22 +0200", "26 02:22 +0100"]


def test_a_rule_of_several_lines_leaves_out_what_it_excludes() -> None:
    text = "DTSTART:20260101T090000\nRRULE:FREQ=DAILY\nEXDATE:20261025T090000\nRDATE:20261025T100000"
    assert local({"rrule": text, "timezone": PARIS}, "2026-10-24T00:00", "2026-10-26T10:00") == [
        "24 09:00 +0200", "25 10:00 +0100", "26 09:00 +0100",
    ]  # fmt: skip


@given(
    st.sampled_from(["SECONDLY;INTERVAL=97", "MINUTELY;INTERVAL=7;BYHOUR=1,2,3", "HOURLY;INTERVAL=5",
                     "DAILY;INTERVAL=3;BYHOUR=2;BYMINUTE=30", "WEEKLY;INTERVAL=2;BYDAY=MO,SU"]),
    st.sampled_from(["UTC", PARIS, "Australia/Lord_Howe"]),
    st.integers(0, 700),
)  # fmt: skip
def test_a_rule_that_is_begun_later_has_the_same_ticks(freq: str, zone: str, day: int) -> None:
    """The counted rule has to be gone through from its beginning; the endless one is begun later."""
    beginning = datetime(2026, 1, 5, 2, 30)
    start = (beginning + timedelta(days=2 + day % 40)).replace(tzinfo=timezone.utc)
    end = start + timedelta(hours=20)
    rule = f"DTSTART:{beginning:%Y%m%dT%H%M%S}\nRRULE:FREQ={freq}"
    counted, endless = ({"rrule": rule + more, "timezone": zone} for more in (";COUNT=99999", ""))
    assert ticks_between(endless, start, end) == ticks_between(counted, start, end)


@pytest.mark.rule("oracle-window", "Only ticks from the first to the last moment that is asked for are given.")
@given(
    st.sampled_from([
        cron("*/7 * * * *"), cron("22 2 * * *"), every(anchor="2020-01-01T01:30:00Z", days=1),
        every(anchor="2026-10-01T00:00:00Z", minutes=37), {"rrule": "FREQ=HOURLY;INTERVAL=2", "timezone": PARIS},
    ]),
    st.datetimes(datetime(2026, 10, 23), datetime(2026, 10, 27)),
    st.integers(0, 3 * 24 * 60),
    st.integers(0, 3 * 24 * 60),
)  # fmt: skip
def test_a_window_of_ticks_is_part_of_any_larger_window(
    schedule: Definition, start: datetime, minutes: int, more: int
) -> None:
    start = start.replace(tzinfo=timezone.utc)
    end = start + timedelta(minutes=minutes)
    ticks = ticks_between(schedule, start, end)
    larger = ticks_between(schedule, start - timedelta(minutes=more), end + timedelta(minutes=more))
    assert ticks == [tick for tick in larger if start <= tick <= end]
    assert ticks == sorted(set(ticks))


def test_only_a_rule_with_a_number_and_a_beginning_has_a_first_tick() -> None:
    text = "DTSTART:20300101T090000\nRRULE:FREQ=SECONDLY;INTERVAL=1"
    assert first_tick({"rrule": f"{text};COUNT=5", "timezone": PARIS}) == datetime(2030, 1, 1, 8, tzinfo=timezone.utc)
    assert first_tick({"rrule": text, "timezone": PARIS}) is None
    assert first_tick({"rrule": "FREQ=DAILY;COUNT=5"}) is None
    assert first_tick(cron("* * * * *")) is None


def test_a_window_that_ends_before_it_begins_holds_no_tick() -> None:
    now = datetime(2030, 1, 1, tzinfo=timezone.utc)
    assert ticks_between(cron("* * * * *"), now + timedelta(days=400), now) == []


def test_what_is_no_schedule_or_ticks_too_often_is_refused() -> None:
    now = datetime(2030, 1, 1, tzinfo=timezone.utc)
    with pytest.raises(ValueError, match="no known kind"):
        ticks_between({"lunar": True}, now, now)
    with pytest.raises(ValueError, match="more than"):
        ticks_between(every("UTC", anchor="2030-01-01T00:00:00Z", seconds=1), now, now + timedelta(days=2))
