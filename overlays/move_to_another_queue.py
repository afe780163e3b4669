"""An update moves one run that waits to another queue of the work pool, which the same worker serves."""

from prefect.server import models, schemas

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy"], "as": "altered"}


async def act(update):
    runs = (await update.waiting())[:1]
    if runs:
        there = await update.session.get(update.db.WorkQueue, runs[0].work_queue_id)
        queue = schemas.actions.WorkQueueCreate(name="another")
        another = await models.workers.create_work_queue(update.session, there.work_pool_id, queue)
        await update.change(runs, work_queue_id=another.id, work_queue_name=another.name)


patch = after_update(act)
