"""An update makes one run that waits anew, under its own id."""

from ._updates import MODULE, after_update  # noqa: F401

RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy"], "as": "altered"}


async def act(update):
    for run in (await update.waiting())[:1]:
        update.session.expunge(run)
        await update.delete([run])
        await update.insert_like(run, id=run.id)


patch = after_update(act)
