import datetime

import pytest

from prefect.server import models, schemas
from prefect.types._datetime import now

pytestmark = pytest.mark.clear_db


class TestPauseDeploymentKeepsRunsThatAreDue:
    @pytest.fixture
    async def runs(self, session, deployment):
        """A run that is due and waits, and one that is to come."""
        runs = []
        for state in (
            schemas.states.Late(
                scheduled_time=now("UTC") - datetime.timedelta(minutes=5)
            ),
            schemas.states.Scheduled(
                scheduled_time=now("UTC") + datetime.timedelta(hours=1)
            ),
        ):
            flow_run = schemas.core.FlowRun(
                flow_id=deployment.flow_id,
                deployment_id=deployment.id,
                auto_scheduled=True,
                state=state,
            )
            runs.append(
                await models.flow_runs.create_flow_run(
                    session=session, flow_run=flow_run
                )
            )
        await session.commit()
        return [run.id for run in runs]

    async def test_late_run_is_kept(self, client, session, deployment, runs):
        late, _ = runs
        await client.post(f"/deployments/{deployment.id}/pause_deployment")
        session.expire_all()
        assert await models.flow_runs.read_flow_run(session=session, flow_run_id=late)

    async def test_upcoming_run_is_deleted(self, client, session, deployment, runs):
        _, upcoming = runs
        await client.post(f"/deployments/{deployment.id}/pause_deployment")
        session.expire_all()
        assert not await models.flow_runs.read_flow_run(
            session=session, flow_run_id=upcoming
        )
