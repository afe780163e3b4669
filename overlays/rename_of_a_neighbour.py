"""An update renames a run that waits of another deployment in the same work pool."""

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy", "none"], "as": "altered"}


async def act(update):
    await update.change((await update.waiting_of_a_neighbour())[:1], name="renamed")


patch = after_update(act)
