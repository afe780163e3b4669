"""A pass of the scheduler writes no runs of a schedule that was deleted or turned off since it read the schedules."""

from ._edits import before

RELEASES = ">=3.4.0,<3.10"
EDITS = ("prefect.server.models.deployments",)
FIXES = {"an-upsert-may-run-each-tick-twice": "--scenario upcoming --door deploy-empty-cleared --repeat 4"}
LEFT = """
# An update may have deleted or paused schedules since the runs were generated.
schedule_ids = {run["created_by"]["id"] for run in runs}
result = await session.execute(
    select(db.DeploymentSchedule.id).where(
        db.DeploymentSchedule.id.in_(schedule_ids),
        db.DeploymentSchedule.active.is_(True),
    )
)
active = set(result.scalars())
runs = [run for run in runs if run["created_by"]["id"] in active]

""".strip()


def edit(name, source):
    return before(source, "_insert_scheduled_flow_runs", "if not runs:", f"{LEFT}\n\n")
