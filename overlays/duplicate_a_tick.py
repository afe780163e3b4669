"""After an update, the scheduler makes the first run twice."""

import functools
import uuid

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "upcoming", "doors": ["prefect-deploy"], "as": "ticks duplicate"}

_updated = set()


async def act(update):
    _updated.add(update.deployment_id)


def patch(module):
    after_update(act)(module)
    original = module._generate_scheduled_flow_runs

    @functools.wraps(original)
    async def generate(*args, **kwargs):
        runs = await original(*args, **kwargs)
        first = [run for run in runs[:1] if run["deployment_id"] in _updated]
        again = []
        for run in first:
            own = {"id": uuid.uuid4(), "idempotency_key": f"{run['idempotency_key']} again"}
            again.append({**run, **own, "state": {**run["state"], "id": uuid.uuid4()}})
        return runs + again

    module._generate_scheduled_flow_runs = generate
