"""After an update, the scheduler leaves out the first run."""

import functools

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "upcoming", "doors": ["prefect-deploy"], "as": "ticks missing"}

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
        return runs[len(first) :]

    module._generate_scheduled_flow_runs = generate
