"""An update takes a slot of the deployment's concurrency limit, and never gives it back."""

import sqlalchemy as sa

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "concurrency-limit", "doors": ["prefect-deploy"], "as": "stranded"}


async def act(update):
    limits, mine = update.db.ConcurrencyLimitV2, await update.deployment()
    if mine.concurrency_limit_id:
        taken = sa.update(limits).where(limits.id == mine.concurrency_limit_id)
        await update.session.execute(taken.values(active_slots=limits.active_slots + 1))


patch = after_update(act)
