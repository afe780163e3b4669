import datetime

import pytest

from prefect.server import models
from prefect.server.models.deployments import (
    _generate_scheduled_flow_runs,
    _insert_scheduled_flow_runs,
)
from prefect.types._datetime import now

pytestmark = pytest.mark.clear_db


class TestSchedulerBesideAnUpdate:
    @pytest.fixture
    async def generated(self, db, session, deployment):
        """The runs that a pass of the scheduler has generated, and not written yet."""
        return await _generate_scheduled_flow_runs(
            db,
            session=session,
            deployment_id=deployment.id,
            start_time=now("UTC"),
            end_time=now("UTC") + datetime.timedelta(days=30),
            min_time=datetime.timedelta(hours=1),
            min_runs=3,
            max_runs=100,
        )

    async def written(self, session, generated):
        made = await _insert_scheduled_flow_runs(session=session, runs=generated)
        await session.commit()
        return len(made)

    async def test_runs_are_written(self, session, generated):
        assert await self.written(session, generated) == 3

    async def test_no_runs_of_a_schedule_that_was_replaced(
        self, client, session, deployment, generated
    ):
        await client.patch(
            f"/deployments/{deployment.id}",
            json={"schedules": [{"schedule": {"cron": "0 9 * * *"}}]},
        )
        assert await self.written(session, generated) == 0

    async def test_no_runs_of_a_schedule_that_was_paused(
        self, client, session, deployment, generated
    ):
        (schedule,) = await models.deployments.read_deployment_schedules(
            session=session, deployment_id=deployment.id
        )
        await client.patch(
            f"/deployments/{deployment.id}/schedules/{schedule.id}",
            json={"active": False},
        )
        assert await self.written(session, generated) == 0
