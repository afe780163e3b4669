"""An update renames a run that waits of another deployment in the same work pool."""

import sqlalchemy as sa

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy", "none"], "as": "altered"}


async def act(update):
    mine, others = await update.deployment(), update.db.Deployment
    found = await update.session.execute(
        sa.select(others.id).where(
            others.work_queue_id == mine.work_queue_id, others.id != mine.id, others.name.not_like("%--twin")
        )
    )
    theirs = await update.waiting(update.db.FlowRun.deployment_id.in_(list(found.scalars())))
    await update.change(theirs[:1], name="renamed")


patch = after_update(act)
