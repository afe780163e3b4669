import datetime

import pytest

from prefect.server import models, schemas

pytestmark = pytest.mark.clear_db


class TestRunsScheduledBeforeTheKeyHeldTheSchedule:
    async def runs(self, session, deployment_id):
        found = await models.flow_runs.read_flow_runs(
            session=session,
            flow_run_filter=schemas.filters.FlowRunFilter(
                deployment_id=schemas.filters.FlowRunFilterDeploymentId(
                    any_=[deployment_id]
                )
            ),
        )
        return {run.next_scheduled_start_time: run.id for run in found}

    async def schedule(self, session, deployment_id):
        made = await models.deployments.schedule_runs(
            session=session, deployment_id=deployment_id, min_runs=3
        )
        await session.commit()
        return made

    @pytest.mark.parametrize("written_as", [str, datetime.datetime.isoformat])
    async def test_a_tick_that_is_written_is_not_written_again(
        self, session, deployment, written_as
    ):
        await self.schedule(session, deployment.id)
        before = await self.runs(session, deployment.id)
        # as a release up to 3.2.1 wrote them
        for time, run_id in before.items():
            run = await models.flow_runs.read_flow_run(
                session=session, flow_run_id=run_id
            )
            run.idempotency_key = f"scheduled {deployment.id} {written_as(time)}"
        await session.commit()
        assert await self.schedule(session, deployment.id) == []
        assert await self.runs(session, deployment.id) == before

    async def test_other_ticks_are_written(self, session, deployment):
        made = await self.schedule(session, deployment.id)
        assert len(made) >= 3
        for run_id in made[1:]:
            await models.flow_runs.delete_flow_run(session=session, flow_run_id=run_id)
        await session.commit()
        assert len(await self.schedule(session, deployment.id)) == len(made) - 1
