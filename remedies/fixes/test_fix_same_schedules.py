import datetime
import uuid

import pytest

from prefect.server import models

pytestmark = pytest.mark.clear_db

DAILY = {"schedule": {"cron": "0 9 * * *", "timezone": "UTC"}}
HOURLY = {"schedule": {"interval": 3600, "anchor_date": "2020-01-01T00:00:00+00:00"}}


class TestUpdateKeepsSchedulesThatItDoesNotChange:
    @pytest.fixture
    async def deployed(self, client, flow):
        """What a deployment was created by, and its id."""
        body = {
            "name": f"my-deployment-{uuid.uuid4()}",
            "flow_id": str(flow.id),
            "schedules": [DAILY, HOURLY],
        }
        response = await client.post("/deployments/", json=body)
        assert response.status_code == 201
        return body, uuid.UUID(response.json()["id"])

    async def schedules(self, session, deployment_id):
        session.expire_all()
        found = await models.deployments.read_deployment_schedules(
            session=session, deployment_id=deployment_id
        )
        return {type(one.schedule).__name__: one for one in found}

    async def update(self, client, deployment_id, *schedules):
        response = await client.patch(
            f"/deployments/{deployment_id}", json={"schedules": list(schedules)}
        )
        assert response.status_code == 204

    async def test_ids_are_kept_by_an_upsert(self, client, session, deployed):
        body, deployment_id = deployed
        before = await self.schedules(session, deployment_id)
        response = await client.post("/deployments/", json=body)
        assert response.status_code == 200
        after = await self.schedules(session, deployment_id)
        assert {one.id for one in after.values()} == {one.id for one in before.values()}

    async def test_ids_are_kept_by_a_patch(self, client, session, deployed):
        _, deployment_id = deployed
        before = await self.schedules(session, deployment_id)
        await self.update(client, deployment_id, HOURLY, DAILY)
        after = await self.schedules(session, deployment_id)
        assert {one.id for one in after.values()} == {one.id for one in before.values()}

    async def test_a_paused_schedule_stays_paused(self, client, session, deployed):
        _, deployment_id = deployed
        daily = (await self.schedules(session, deployment_id))["CronSchedule"]
        response = await client.patch(
            f"/deployments/{deployment_id}/schedules/{daily.id}", json={"active": False}
        )
        assert response.status_code == 204
        await self.update(client, deployment_id, DAILY, HOURLY)
        after = await self.schedules(session, deployment_id)
        assert not after["CronSchedule"].active
        assert after["IntervalSchedule"].active

    async def test_a_schedule_is_turned_on_if_that_is_given(
        self, client, session, deployed
    ):
        _, deployment_id = deployed
        await self.update(client, deployment_id, {**DAILY, "active": False})
        assert not (await self.schedules(session, deployment_id))["CronSchedule"].active
        await self.update(client, deployment_id, {**DAILY, "active": True})
        assert (await self.schedules(session, deployment_id))["CronSchedule"].active

    async def test_other_schedules_are_replaced(self, client, session, deployed):
        _, deployment_id = deployed
        before = await self.schedules(session, deployment_id)
        half_hourly = {"schedule": {**HOURLY["schedule"], "interval": 1800}}
        await self.update(client, deployment_id, half_hourly)
        (only,) = (await self.schedules(session, deployment_id)).values()
        assert only.schedule.interval == datetime.timedelta(minutes=30)
        assert only.id not in {one.id for one in before.values()}

    async def test_the_same_schedule_twice_stays_twice(self, client, session, deployed):
        _, deployment_id = deployed
        for _ in range(2):
            await self.update(client, deployment_id, DAILY, DAILY)
            found = await models.deployments.read_deployment_schedules(
                session=session, deployment_id=deployment_id
            )
            assert len(found) == 2
