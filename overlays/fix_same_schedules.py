"""An update leaves a schedule as it is that it does not change: with its id, and off if it is off."""

from ._edits import ahead_of, instead

RELEASES = "==3.9.1"
EDITS = ("prefect.server.models.deployments",)
FIXES = {
    "an-upsert-may-run-each-tick-twice": "--scenario upcoming --door upsert-deployment",
    "a-tick-that-a-worker-has-taken-runs-twice": "--scenario ticking-asked-ahead --door deploy-unchanged "
    "--schedule 'interval 20s anchor 2026-01-01T00:00:00' --at tick-6s",
    "a-deploy-turns-a-paused-schedule-on": "--scenario upcoming --door pause-then-deploy",
}
HELPER = '''
async def _delete_other_schedules(
    db: PrefectDBInterface,
    session: AsyncSession,
    deployment_id: UUID,
    schedules: list[Any],
) -> list[Any]:
    """
    Deletes a deployment's schedules that are not among those provided. The others keep
    their id, and are active as before unless `active` was provided.

    Returns:
        the provided schedules that the deployment does not have
    """
    missing, kept = list(schedules), []
    for existing in await read_deployment_schedules(
        session=session, deployment_id=deployment_id
    ):
        for provided in missing:
            if all(
                getattr(provided, field) == getattr(existing, field)
                for field in ("schedule", "slug", "parameters")
            ):
                break
        else:
            continue
        missing.remove(provided)
        kept.append(existing.id)
        if "active" in provided.model_fields_set and provided.active is not None:
            await session.execute(
                sa.update(db.DeploymentSchedule)
                .where(db.DeploymentSchedule.id == existing.id)
                .values(active=provided.active)
            )

    await session.execute(
        sa.delete(db.DeploymentSchedule).where(
            db.DeploymentSchedule.deployment_id == deployment_id,
            db.DeploymentSchedule.id.not_in(kept),
        )
    )
    await session.refresh(await session.get(db.Deployment, deployment_id))
    return missing
'''.strip()
DELETION = "await delete_schedules_for_deployment(\nsession=session, deployment_id=deployment_id\n)"
INSTEAD = """
schedules = await _delete_other_schedules(
    db, session=session, deployment_id=deployment_id, schedules=schedules{}
)
""".strip()


def edit(name, source):
    upsert = "await delete_schedules_for_deployment(session=session, deployment_id=deployment_id)"
    source = instead(source, "create_deployment", upsert, INSTEAD.format(" or []"))
    source = instead(source, "update_deployment", DELETION, INSTEAD.format(""))
    return ahead_of(source, "create_deployment", HELPER)
