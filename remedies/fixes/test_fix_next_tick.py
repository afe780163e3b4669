import uuid

import pytest

from prefect.server import models, schemas
from prefect.settings import PREFECT_API_SERVICES_SCHEDULER_ENABLED, temporary_settings

pytestmark = pytest.mark.clear_db

HOURLY = {"schedule": {"cron": "0 * * * *", "timezone": "UTC"}}


class TestUpdateSchedulesTheNextRun:
    @pytest.fixture(autouse=True)
    def with_a_scheduler(self):
        with temporary_settings({PREFECT_API_SERVICES_SCHEDULER_ENABLED: True}):
            yield

    async def runs_to_come(self, session, deployment_id):
        session.expire_all()
        found = await models.flow_runs.read_flow_runs(
            session=session,
            flow_run_filter=schemas.filters.FlowRunFilter(
                deployment_id=schemas.filters.FlowRunFilterDeploymentId(
                    any_=[deployment_id]
                )
            ),
        )
        return [run.next_scheduled_start_time for run in found]

    @pytest.fixture
    async def deployed(self, client, session, flow):
        """What a deployment was created by, and its id. Its runs are scheduled."""
        body = {
            "name": f"my-deployment-{uuid.uuid4()}",
            "flow_id": str(flow.id),
            "schedules": [HOURLY],
        }
        response = await client.post("/deployments/", json=body)
        deployment_id = uuid.UUID(response.json()["id"])
        await models.deployments.schedule_runs(
            session=session, deployment_id=deployment_id
        )
        await session.commit()
        return body, deployment_id

    async def test_patch(self, client, session, deployed):
        _, deployment_id = deployed
        before = min(await self.runs_to_come(session, deployment_id))
        response = await client.patch(
            f"/deployments/{deployment_id}", json={"schedules": [HOURLY]}
        )
        assert response.status_code == 204
        after = await self.runs_to_come(session, deployment_id)
        assert before in after or (after and before < min(after))

    async def test_upsert(self, client, session, deployed):
        body, deployment_id = deployed
        before = min(await self.runs_to_come(session, deployment_id))
        response = await client.post("/deployments/", json=body)
        assert response.status_code == 200
        after = await self.runs_to_come(session, deployment_id)
        assert before in after or (after and before < min(after))

    async def test_a_paused_deployment_has_no_runs(self, client, session, deployed):
        _, deployment_id = deployed
        response = await client.patch(
            f"/deployments/{deployment_id}", json={"paused": True}
        )
        assert response.status_code == 204
        assert await self.runs_to_come(session, deployment_id) == []

    async def test_a_deployment_without_schedules_has_no_runs(
        self, client, session, deployed
    ):
        _, deployment_id = deployed
        await client.patch(f"/deployments/{deployment_id}", json={"schedules": []})
        assert await self.runs_to_come(session, deployment_id) == []
