"""An update gives one run that waits other parameters."""

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy"], "as": "altered"}


async def act(update):
    await update.change((await update.waiting())[:1], parameters={"note": "another"})


patch = after_update(act)
