"""What mutants have in common: something is done as the server updates a deployment, in the same transaction."""

import functools
import inspect

import sqlalchemy as sa
from prefect.server.database import provide_database_interface

MODULE = "prefect.server.models.deployments"


class Update:
    """A deployment that was just updated, on the session that updated it."""

    def __init__(self, session, deployment_id):
        self.session, self.deployment_id = session, deployment_id
        self.db = provide_database_interface()

    async def runs(self, *where):
        """Flow runs for which this holds, oldest tick first."""
        runs = self.db.FlowRun
        found = await self.session.execute(sa.select(runs).where(*where).order_by(runs.expected_start_time))
        return list(found.scalars())

    async def waiting(self, *where):
        """The deployment's runs that are late or wait for a slot, or those for which this holds."""
        runs = self.db.FlowRun
        mine = where or (runs.deployment_id == self.deployment_id,)
        return await self.runs(*mine, runs.state_type == "SCHEDULED", runs.state_name != "Scheduled")

    async def waiting_of_a_neighbour(self):
        """What waits of other deployments of the same work queue, but for a twin's."""
        mine, others = await self.deployment(), self.db.Deployment
        found = await self.session.execute(
            sa.select(others.id).where(
                others.work_queue_id == mine.work_queue_id, others.id != mine.id, others.name.not_like("%--twin")
            )
        )
        return await self.waiting(self.db.FlowRun.deployment_id.in_(list(found.scalars())))

    async def deployment(self):
        """The deployment as the database has it."""
        return await self.session.get(self.db.Deployment, self.deployment_id)

    async def delete(self, runs):
        """Delete these runs."""
        for run in runs:
            await self.session.execute(sa.delete(self.db.FlowRun).where(self.db.FlowRun.id == run.id))

    async def change(self, runs, **values):
        """Change these columns of these runs."""
        for run in runs:
            which = self.db.FlowRun.id == run.id
            await self.session.execute(sa.update(self.db.FlowRun).where(which).values(**values))

    async def set_state(self, runs, *states):
        """Give these runs these states, one after the other."""
        from prefect.server import models

        for run in runs:
            for state in states:
                await models.flow_runs.set_flow_run_state(self.session, run.id, state, force=True)

    async def insert_like(self, run, **values):
        """Insert a run that is as another was, but for these columns; it is Scheduled for the same time."""
        from prefect.server import models, schemas

        new = schemas.core.FlowRun(
            flow_id=run.flow_id,
            deployment_id=run.deployment_id,
            parameters=run.parameters,
            tags=run.tags,
            name=run.name,
            auto_scheduled=run.auto_scheduled,
            work_queue_id=run.work_queue_id,
            work_queue_name=run.work_queue_name,
            state=schemas.states.Scheduled(scheduled_time=run.expected_start_time),
            **values,
        )
        return await models.flow_runs.create_flow_run(self.session, new)


def after_update(act):
    """A `patch` by which `act(update)` is called after each update of a deployment by PATCH."""

    def patch(module):
        original = module.update_deployment
        if not {"session", "deployment_id"} <= inspect.signature(original).parameters.keys():
            raise TypeError("update_deployment takes no session or no deployment_id")

        @functools.wraps(original)
        async def update_deployment(*args, **kwargs):
            result = await original(*args, **kwargs)
            await act(Update(kwargs["session"], kwargs["deployment_id"]))
            return result

        module.update_deployment = update_deployment

    return patch


def on_scheduling(change):
    """A `patch` by which what the scheduler makes of a deployment that was updated goes through `change(runs)`."""
    updated = set()

    async def act(update):
        updated.add(update.deployment_id)

    def patch(module):
        after_update(act)(module)
        original = module._generate_scheduled_flow_runs

        @functools.wraps(original)
        async def generate(*args, **kwargs):
            runs = await original(*args, **kwargs)
            return change(runs) if runs and runs[0]["deployment_id"] in updated else runs

        module._generate_scheduled_flow_runs = generate

    return patch
