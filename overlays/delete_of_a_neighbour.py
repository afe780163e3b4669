"""An update deletes a run that waits of another deployment in the same work pool."""

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy", "none"], "as": "lost"}


async def act(update):
    await update.delete((await update.waiting_of_a_neighbour())[:1])


patch = after_update(act)
