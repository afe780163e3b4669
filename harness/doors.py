"""Doors: what touches the treated deployment, and nothing else. A new door is one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.engines.base import CommandResult

if TYPE_CHECKING:
    from harness.trial import Trial


@dataclass(frozen=True)
class Door:
    """A door by name. `open` touches the treated deployment such that its description then holds the nonce."""

    name: str
    summary: str
    open: Callable[[Trial, str], CommandResult]


def prefect_deploy(trial: Trial, nonce: str) -> CommandResult:
    """The subject's own `prefect deploy` of the treated deployment, its file changed in the description alone."""
    trial.write_deployments(trial.lab.deployer, description=nonce)
    return trial.lab.deploy(trial.scenario, ["treated"])


DOORS = {
    door.name: door
    for door in (Door("prefect-deploy", "`prefect deploy -n treated`, with another description", prefect_deploy),)
}
