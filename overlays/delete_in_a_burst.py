"""Two updates of a deployment within a second delete one of the runs that wait; one alone does not."""

import time

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["patch-twice"], "as": "lost"}


_last = {}


async def act(update):
    now = time.monotonic()
    if now - _last.get(update.deployment_id, -60) < 1:
        await update.delete((await update.waiting())[:1])
    _last[update.deployment_id] = now


patch = after_update(act)
