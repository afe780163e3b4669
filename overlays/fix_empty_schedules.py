"""A deploy of `schedules: []` takes the schedules away, as a setting of Prefect's does where it is turned on."""

from ._edits import instead

RELEASES = ">=3.9.0,<3.10"
EDITS = ("prefect.settings.models.deployments",)
FIXES = {"an-empty-list-of-schedules-keeps-them": "--scenario upcoming --door deploy-empty-schedules"}


def edit(name, source):
    return instead(source, "DeploymentsSettings", "default=False,", "default=True,")
