"""An update calls one run that waits Running and then Completed, and nothing runs."""

from prefect.server import schemas

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy"], "as": "altered"}


async def act(update):
    states = schemas.states.Pending(), schemas.states.Running(), schemas.states.Completed()
    await update.set_state((await update.waiting())[:1], *states)


patch = after_update(act)
