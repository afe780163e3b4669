"""What waits on a live server, and what would become of it: asked in one go, told to a person or a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.table import Table

from harness.guard.at_risk import EXIT_AT_RISK, EXIT_SAFE, Group, exit_code, groups_of
from harness.guard.client import Client
from harness.guard.listing import Deployment, clock_of, deployments_by_id, deployments_named, version_of, waiting
from harness.guard.told import name_of, reasons_of, table_of
from harness.known import Opened

SCHEMA = 1


@dataclass(frozen=True)
class Checked:
    """What a check found: the server and its version, its clock, the groups at risk, and the names of deployments."""

    url: str
    version: str
    at: datetime
    groups: Sequence[Group]
    names: Mapping[str, Deployment]

    @property
    def exit_code(self) -> int:
        """0: nothing is at risk; 1: runs would be lost; 125: cannot tell."""
        return exit_code(self.groups)

    def as_json(self, doors: Sequence[str]) -> dict[str, Any]:
        """For machines."""
        groups = [group.as_json(name_of(group.deployment, self.names)) for group in self.groups]
        head = {"schema": SCHEMA, "api": self.url, "version": self.version, "at": self.at.isoformat()}
        return {**head, "doors": list(doors), "exit_code": self.exit_code, "groups": groups}


def check(client: Client, deployments: Sequence[str], doors: Sequence[Opened]) -> Checked:
    """Look at these deployments (none: at all of them). Raises: UsageError for a name; NoWordError."""
    version = version_of(client)
    now = clock_of(client)
    chosen = deployments_named(client, deployments) if deployments else {}
    groups = groups_of(waiting(client, chosen), doors, version, now)
    names = chosen or deployments_by_id(client, {group.deployment for group in groups})
    return Checked(client.where.url, version, now, groups, names)


def tell(checked: Checked, doors: Sequence[str], say: Callable[[str | Table], None]) -> None:
    """Say what was found, line by line."""
    say(f"{checked.url}: Prefect {checked.version}, its clock {checked.at:%Y-%m-%d %H:%M:%S} UTC")
    if not checked.groups:
        say("no run is at risk: none is late, waits for a slot or a retry, or was scheduled by a person")
        return
    say(table_of(checked.groups, checked.names, doors))
    for line in reasons_of(checked.groups):
        say(line)
    runs = sum(group.runs for group in checked.groups)
    code = checked.exit_code
    if code == EXIT_SAFE:
        say(f"{runs} runs wait; all of them would survive")
    elif code == EXIT_AT_RISK:
        harmed = sum(group.runs for group in checked.groups if any(one.is_harm for one in group.foretold))
        say(f"{harmed} of {runs} waiting runs are at risk")
    else:
        say(f"{runs} runs wait, and of some nothing is known")
