import datetime
from uuid import uuid4

from prefect.server.concurrency.lease_storage import (
    ConcurrencyLimitLeaseMetadata,
    get_concurrency_lease_storage,
)


class TestLeasesSurviveARestart:
    async def test_a_lease_is_renewed_after_a_restart(self):
        lease = await get_concurrency_lease_storage().create_lease(
            resource_ids=[uuid4()],
            ttl=datetime.timedelta(minutes=5),
            metadata=ConcurrencyLimitLeaseMetadata(slots=1),
        )
        storage = get_concurrency_lease_storage()
        # what a new process does not have
        for attribute in ("leases", "expirations"):
            if hasattr(storage, attribute):
                getattr(storage, attribute).clear()
        assert await get_concurrency_lease_storage().renew_lease(
            lease.id, ttl=datetime.timedelta(minutes=5)
        )
