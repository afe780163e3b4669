"""Pausing a deployment keeps the runs that are due."""

from ._edits import after

RELEASES = ">=3.3.4,<3.10"
EDITS = ("prefect.server.api.deployments",)
FIXES = {"pausing-deletes-late-runs": "--scenario worker-outage --door pause-deployment"}


def edit(name, source):
    return after(source, "pause_deployment", "auto_scheduled_only=True,", "future_only=True,")
