"""An update cancels one of the runs that wait."""

from prefect.server import schemas

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy"], "as": "altered"}


async def act(update):
    await update.set_state((await update.waiting())[:1], schemas.states.Cancelled())


patch = after_update(act)
