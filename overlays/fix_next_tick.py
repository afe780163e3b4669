"""An update makes the runs to come itself, and leaves no tick without one until the scheduler's next pass."""

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
async def _schedule_runs_of_updated_deployment(
    session: AsyncSession, deployment_id: UUID
) -> None:
    """
    An update deletes a deployment's upcoming runs. The scheduler makes them again in its
    next pass, but not those whose time has passed until then.
    """
    deployment = await models.deployments.read_deployment(
        session=session, deployment_id=deployment_id
    )
    if (
        deployment is not None
        and not deployment.paused
        and get_current_settings().server.services.scheduler.enabled
    ):
        await models.deployments.schedule_runs(
            session=session, deployment_id=deployment_id
        )
'''.strip()
AFTER_AN_UPSERT = """
if model.created < right_now:
    await _schedule_runs_of_updated_deployment(session, model.id)

""".strip()
AFTER_AN_UPDATE = """
    if result:
        await _schedule_runs_of_updated_deployment(session, deployment_id)

""".strip("\n")


def edit(name, source):
    source = after(source, "", "from prefect.server.utilities.server import PrefectRouter", IMPORT)
    source = after(source, "", "from fastapi import Body, Depends, HTTPException, Path, Response", SESSION)
    answer = "return schemas.responses.DeploymentResponse.model_validate("
    source = before(source, "create_deployment", answer, f"{AFTER_AN_UPSERT}\n\n")
    source = before(source, "update_deployment", "if not result:", AFTER_AN_UPDATE)
    return ahead_of(source, "create_deployment", HELPER)
