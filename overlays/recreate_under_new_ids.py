"""An update makes the runs that wait anew, under other ids."""

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy"], "as": "lost"}


async def act(update):
    for run in await update.waiting():
        await update.delete([run])
        await update.insert_like(run)


patch = after_update(act)
