"""An update makes the next runs itself, and leaves no tick without one until the scheduler's next pass."""

from ._edits import after, ahead_of, before

RELEASES = "==3.9.1"
EDITS = ("prefect.server.api.deployments",)
FIXES = {
    "a-deploy-just-before-a-tick-drops-it": "--scenario ticking-no-worker --door deploy-unchanged "
    "--schedule 'interval 7s anchor 2026-01-01T00:00:00' --at tick-1.3s"
}
IMPORT = "from prefect.settings.context import get_current_settings"
SESSION = "from sqlalchemy.ext.asyncio import AsyncSession"
HELPER = '''
async def _schedule_runs_until_next_scheduler_pass(
    session: AsyncSession, deployment_id: UUID
) -> None:
    """
    An update deletes a deployment's upcoming runs. The scheduler makes them again in its
    next pass, but not those whose time has passed until then.
    """
    settings = get_current_settings().server.services.scheduler
    deployment = await models.deployments.read_deployment(
        session=session, deployment_id=deployment_id
    )
    if not settings.enabled or deployment is None or deployment.paused:
        return

    await models.deployments.schedule_runs(
        session=session,
        deployment_id=deployment_id,
        min_runs=1,
        min_time=datetime.timedelta(
            seconds=2 * settings.recent_deployments_loop_seconds
        ),
    )
'''.strip()
AFTER_AN_UPSERT = "await _schedule_runs_until_next_scheduler_pass(session, model.id)\n\n"
AFTER_AN_UPDATE = """
    if result:
        await _schedule_runs_until_next_scheduler_pass(session, deployment_id)
""".strip("\n")


def edit(name, source):
    source = after(source, "", "from prefect.server.utilities.server import PrefectRouter", IMPORT)
    source = after(source, "", "from fastapi import Body, Depends, HTTPException, Path, Response", SESSION)
    source = before(source, "create_deployment", "if model.created >= right_now:", AFTER_AN_UPSERT)
    source = before(source, "update_deployment", "if not result:", AFTER_AN_UPDATE)
    return ahead_of(source, "create_deployment", HELPER)
