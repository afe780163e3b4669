"""Deleting a schedule keeps the deployment's runs that are due."""

from ._edits import after

RELEASES = ">=3.3.4,<3.10"
EDITS = ("prefect.server.api.deployments",)
FIXES = {
    "deleting-a-schedule-deletes-late-runs": "--scenario worker-outage --door delete-schedule --door delete-sibling "
    "--door schedule-replace"
}


def edit(name, source):
    return after(source, "delete_deployment_schedule", "auto_scheduled_only=True,", "future_only=True,")
