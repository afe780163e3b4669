"""An update deletes one of the runs that wait."""

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy"], "as": "lost"}


async def act(update):
    await update.delete((await update.waiting())[:1])


patch = after_update(act)
