"""Updates delete every tenth run that waits, whichever deployment it is of."""

import itertools

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {
    "scenario": "worker-outage",
    "doors": ["prefect-deploy", "patch-deployment", "deploy-parameters", "pause-by-patch"],
    "as": "lost",
}


_seen = itertools.count(1)


async def act(update):
    await update.delete([run for run in await update.waiting() if next(_seen) % 10 == 0])


patch = after_update(act)
