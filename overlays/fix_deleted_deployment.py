"""Deleting a deployment deletes its runs that wait for a slot or for their retry, too."""

from ._edits import after, without

RELEASES = ">=3.3.4,<3.10"
EDITS = ("prefect.server.models.deployments",)
FIXES = {
    "a-deleted-deployment-leaves-runs-behind": "--scenario concurrency-limit --scenario awaiting-retry "
    "--door delete-deployment --door bulk-delete"
}
KEPT = """
# an update leaves these runs to the deployment; its deletion does not
db.FlowRun.state_name != schemas.states.AwaitingConcurrencySlot().name,
db.FlowRun.run_count == 0,
""".strip()


def edit(name, source):
    function = "_delete_scheduled_runs"
    source = without(source, function, "db.FlowRun.run_count == 0,")
    source = without(source, function, "db.FlowRun.state_name != schemas.states.AwaitingConcurrencySlot().name,")
    return after(source, function, "db.FlowRun.auto_scheduled.is_(True),", KEPT)
