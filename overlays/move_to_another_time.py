"""An update moves the runs that wait by a minute."""

from datetime import timedelta

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy"], "as": "altered"}


async def act(update):
    for run in await update.waiting():
        later = run.expected_start_time + timedelta(seconds=60)
        await update.change([run], next_scheduled_start_time=later)


patch = after_update(act)
