"""A run whose lease is gone keeps or gives back a slot only if one is taken for which there is no lease."""

from ._edits import ahead_of, before, instead

RELEASES = ">=3.6.7,<3.10"
EDITS = ("prefect.server.orchestration.core_policy",)
FIXES = {
    "a-restart-cancels-a-run-that-is-being-started": "--scenario being-started --door server-restart",
    "a-run-that-lost-its-slot-gives-back-anothers": "",
}
HELPER = '''
async def _has_slot_without_lease(session: AsyncSession, limit_id: UUID) -> bool:
    """
    Whether more slots of a concurrency limit are taken than there are leases. A storage
    in memory forgets its leases as the server restarts, and the slots stay taken. If a
    lease expires, its slot is given back.
    """
    storage = get_concurrency_lease_storage()
    lease_ids = await storage.read_expired_lease_ids(limit=10_000)
    lease_ids += await storage.read_active_lease_ids(limit=10_000)
    leases = [await storage.read_lease(lease_id) for lease_id in lease_ids]
    leased = sum(
        lease.metadata.slots if lease.metadata else 1
        for lease in leases
        if lease and limit_id in lease.resource_ids
    )
    limit = await concurrency_limits_v2.read_concurrency_limit(
        session=session, concurrency_limit_id=limit_id
    )
    return limit is not None and limit.active_slots > leased
'''.strip()
TAKE = """
if not slots_acquired:
    # The slot of a lease that was forgotten is still taken: by this run
    slots_acquired = await _has_slot_without_lease(
        context.session, deployment.concurrency_limit_id
    )

""".strip()


RELEASE = """
if fallback_concurrency_limit_ids and await _has_slot_without_lease(
    session, fallback_concurrency_limit_ids[0]
):
""".strip()


def edit(name, source):
    rule = "ValidateDeploymentConcurrencyAtRunning"
    source = instead(source, "_release_concurrency_lease", "if fallback_concurrency_limit_ids:", RELEASE)
    source = before(source, f"{rule}.before_transition", "if slots_acquired:", f"{TAKE}\n\n")
    return ahead_of(source, "_release_concurrency_lease", HELPER)
