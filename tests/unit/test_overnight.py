"""The nights of the scenario overnight-outage: which ones they are, and how many ticks they have."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter

from harness.checkers._oracle import ticks_between
from harness.trials.scenario import load_scenarios
from harness.words.names import WARP

NIGHTS = {"next_day": "overnight-outage", "forward": "overnight-outage-mar", "back": "overnight-outage-oct"}
SCENARIO = load_scenarios()["overnight-outage"]
WITHIN: dict[str, Any] = getattr(SCENARIO.stage, "func").__globals__  # noqa: B009 - the module of a folder, by no name
PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 27, 22, 30, tzinfo=timezone.utc)  # past 23:00 in Paris


@pytest.mark.parametrize(
    ("forward", "eve"), [(True, datetime(2027, 3, 27, tzinfo=PARIS)), (False, datetime(2027, 10, 30, tzinfo=PARIS))]
)
def test_the_eve_of_a_change_is_the_day_before_the_night_in_which_clocks_are_changed(
    forward: bool, eve: datetime
) -> None:
    assert WITHIN["eve_of_change"](NOW, forward=forward) == eve
    # On that very day, its evening may be over: it is the next one.
    assert WITHIN["eve_of_change"](eve + timedelta(hours=20), forward=forward).year == eve.year + 1
    evening = eve + WITHIN["EVENING"]
    morning = (evening.astimezone(timezone.utc) + WITHIN["NIGHT"]).astimezone(PARIS)
    change = timedelta(hours=1 if forward else -1)
    assert (evening.hour, morning.hour) == (19, 7 + (1 if forward else -1))
    assert (morning.utcoffset() or timedelta()) - (evening.utcoffset() or timedelta()) == change


@pytest.mark.parametrize("of", ["next_day", "forward", "back"])
def test_every_night_has_the_ticks_that_are_declared_by_utc(of: str) -> None:
    day = WITHIN["next_day"](NOW) if of == "next_day" else WITHIN["eve_of_change"](NOW, forward=of == "forward")
    evening = (day + WITHIN["EVENING"]).astimezone(timezone.utc)
    assert evening > NOW
    scenario = load_scenarios()[NIGHTS[of]]
    crons = [{"cron": f"{minutes} * * * *", "timezone": PARIS.key} for minutes in ("3", "*/5")]
    assert list(scenario.schedules) == [f"cron {one['cron']} {PARIS.key}" for one in crons]
    named = sorted(tick for cron in crons for tick in ticks_between(cron, evening, evening + WITHIN["NIGHT"]))
    assert len(named) == scenario.ticks == scenario.minimum == (143 if of == "back" else 156)
    assert named[0] - evening > timedelta(seconds=60), "the deploy and the scheduler need so long on a busy machine"
    after = [evening + WITHIN["NIGHT"] + timedelta(seconds=second) for second in range(270)]
    ticks = [at for at in after if at.second == 0 and (at.minute % 5 == 0 or at.minute == 3)]
    assert not ticks, "none is to fall due in the minutes of the trial"


def test_its_crons_are_an_hourly_and_a_five_minute_one_that_never_coincide() -> None:
    crons = [words.removeprefix("cron ").removesuffix(f" {PARIS.key}") for words in SCENARIO.schedules]
    start = datetime(2027, 1, 1, tzinfo=timezone.utc)
    ticks = [{each.get_next(datetime) for _ in range(24 * n)} for cron, n in zip(crons, (1, 12), strict=True)
             for each in [croniter(cron, start)]]  # fmt: skip
    assert [max(one) - min(one) for one in ticks] == [timedelta(hours=23), timedelta(minutes=5 * 287)]
    assert not ticks[0] & ticks[1], "two runs of one time would be one too many for the ticks"


def test_all_of_its_variants_move_the_clock_and_are_tried_by_name_alone() -> None:
    variants = [one for name, one in load_scenarios().items() if name.startswith("overnight-outage")]
    assert len(variants) == 3
    assert all(one.clock == WARP and one.is_alone and one.by_name for one in variants)
