import datetime
import time

import pytest

from prefect.client.schemas.schedules import IntervalSchedule, construct_schedule
from prefect.schedules import Interval
from prefect.server.schemas.schedules import IntervalSchedule as ServerSchedule

HOUR = datetime.timedelta(hours=1)


class TestIntervalWithoutAnchor:
    @pytest.mark.parametrize(
        "make",
        [
            lambda **given: IntervalSchedule(interval=HOUR, **given),
            lambda **given: construct_schedule(interval=HOUR, **given),
            lambda **given: Interval(HOUR, **given),
            lambda **given: ServerSchedule(interval=HOUR, **given),
        ],
        ids=["client", "construct_schedule", "Interval", "server"],
    )
    def test_it_does_not_depend_on_when_it_is_made(self, make):
        first = make().anchor_date
        time.sleep(0.01)
        assert make().anchor_date == first

    def test_an_anchor_that_is_given_is_kept(self):
        anchor = datetime.datetime(2024, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
        assert IntervalSchedule(interval=HOUR, anchor_date=anchor).anchor_date == anchor

    async def test_the_server_schedules_runs_by_it(self):
        (next_run,) = await ServerSchedule(interval=HOUR, timezone="UTC").get_dates(1)
        assert (next_run.minute, next_run.second) == (0, 0)
