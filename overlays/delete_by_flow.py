"""An update deletes what waits of the deployment's flow, whichever deployment it is of."""

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy"], "as": "lost"}


async def act(update):
    flow = (await update.deployment()).flow_id
    await update.delete(await update.waiting(update.db.FlowRun.flow_id == flow))


patch = after_update(act)
