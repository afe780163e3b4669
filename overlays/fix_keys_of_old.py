"""A tick whose run was written by a release up to 3.2.1 is not written again."""

from ._edits import before

RELEASES = "==3.9.1"
EDITS = ("prefect.server.models.deployments",)
FIXES = {"an-upgrade-runs-written-ticks-twice": "--scenario upcoming --door server-upgrade --subject 3.1.15/upgrade={}"}
SKIP = (
    """
# Before 3.2.2, the idempotency key did not hold the schedule's id.
keys_before_3_2_2 = {
    f"scheduled {deployment.id} {text}": date
    for date in dates
    for text in (date, date.isoformat())
}
written = await session.execute(
    select(db.FlowRun.idempotency_key).where(
        db.FlowRun.flow_id == deployment.flow_id,
        db.FlowRun.idempotency_key.in_(keys_before_3_2_2),
    )
)
already_written = {keys_before_3_2_2[key] for key in written.scalars()}
dates = [date for date in dates if date not in already_written]

""".strip()
    + "\n\n"
)


def edit(name, source):
    return before(source, "_generate_scheduled_flow_runs", "tags = deployment.tags", SKIP)
