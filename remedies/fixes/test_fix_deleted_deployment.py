import datetime

import pytest

from prefect.server import models, schemas
from prefect.types._datetime import now

pytestmark = pytest.mark.clear_db


class TestDeleteDeploymentDeletesRunsThatWait:
    @pytest.fixture(params=["AwaitingConcurrencySlot", "AwaitingRetry"])
    async def waiting(self, request, session, deployment):
        flow_run = schemas.core.FlowRun(
            flow_id=deployment.flow_id,
            deployment_id=deployment.id,
            auto_scheduled=True,
            run_count=1 if request.param == "AwaitingRetry" else 0,
            state=schemas.states.Scheduled(
                name=request.param,
                scheduled_time=now("UTC") + datetime.timedelta(minutes=1),
            ),
        )
        run = await models.flow_runs.create_flow_run(session=session, flow_run=flow_run)
        await session.commit()
        return run.id

    async def test_its_deletion_deletes_the_run(
        self, client, session, deployment, waiting
    ):
        response = await client.delete(f"/deployments/{deployment.id}")
        assert response.status_code == 204
        session.expire_all()
        assert not await models.flow_runs.read_flow_run(
            session=session, flow_run_id=waiting
        )

    async def test_an_update_keeps_the_run(self, client, session, deployment, waiting):
        response = await client.patch(
            f"/deployments/{deployment.id}", json={"description": "another"}
        )
        assert response.status_code == 204
        session.expire_all()
        assert await models.flow_runs.read_flow_run(
            session=session, flow_run_id=waiting
        )
