from uuid import UUID, uuid4

import pytest

from prefect.server import models
from prefect.server.concurrency.lease_storage import get_concurrency_lease_storage

pytestmark = pytest.mark.clear_db

CLIENT = {"User-Agent": "prefect/3.6.7 (API 0.8.4)"}  # it renews leases


class TestRunWhoseLeaseIsForgotten:
    @pytest.fixture
    async def runs(self, client, flow):
        """Two runs of a deployment with a concurrency limit of 1."""
        response = await client.post(
            "/deployments/",
            json={
                "name": f"my-deployment-{uuid4()}",
                "flow_id": str(flow.id),
                "concurrency_limit": 1,
            },
        )
        self.limit_id = UUID(response.json()["global_concurrency_limit"]["id"])
        path = f"/deployments/{response.json()['id']}/create_flow_run"
        return [(await client.post(path, json={})).json()["id"] for _ in range(2)]

    async def set_state(self, client, run_id, state_type):
        response = await client.post(
            f"/flow_runs/{run_id}/set_state",
            json={"state": {"type": state_type}},
            headers=CLIENT,
        )
        return response.json()["state"]["type"]

    async def active_slots(self, session):
        session.expire_all()
        limit = await models.concurrency_limits_v2.read_concurrency_limit(
            session=session, concurrency_limit_id=self.limit_id
        )
        return limit.active_slots

    async def restart(self):
        """What a restart does to a storage in memory."""
        storage = get_concurrency_lease_storage()
        storage.leases.clear()
        storage.expirations.clear()

    async def test_it_runs_in_its_slot(self, client, session, runs):
        first, _ = runs
        assert await self.set_state(client, first, "PENDING") == "PENDING"
        await self.restart()
        assert await self.set_state(client, first, "RUNNING") == "RUNNING"
        assert await self.active_slots(session) == 1

    async def test_it_gives_its_slot_back(self, client, session, runs):
        first, second = runs
        await self.set_state(client, first, "PENDING")
        await self.restart()
        assert await self.set_state(client, first, "RUNNING") == "RUNNING"
        assert await self.set_state(client, second, "PENDING") == "SCHEDULED"
        await self.set_state(client, first, "COMPLETED")
        assert await self.active_slots(session) == 0
        assert await self.set_state(client, second, "PENDING") == "PENDING"

    @pytest.fixture
    async def expired(self, client, session, runs):
        """A run that is Pending, and whose lease has expired; another has its slot."""
        first, second = runs
        await self.set_state(client, first, "PENDING")
        await self.restart()
        await models.concurrency_limits_v2.bulk_decrement_active_slots(
            session=session, concurrency_limit_ids=[self.limit_id], slots=1
        )
        await session.commit()
        assert await self.set_state(client, second, "PENDING") == "PENDING"
        return first

    async def test_it_does_not_run_in_a_slot_of_another(self, client, expired):
        assert await self.set_state(client, expired, "RUNNING") == "CANCELLED"

    @pytest.mark.parametrize("end", ["RUNNING", "CANCELLED", "CRASHED"])
    async def test_it_does_not_give_a_slot_of_another_back(
        self, client, session, expired, end
    ):
        assert await self.set_state(client, expired, end) in ("CANCELLED", "CRASHED")
        assert await self.active_slots(session) == 1
