"""`prefect deployment schedule pause`, then `prefect deploy`, then `prefect deployment schedule resume`."""

from __future__ import annotations

from harness.doors._cli import schedule_command
from harness.doors._steps import deploy_between

door = deploy_between(
    schedule_command("pause", "{deployment}", "{schedule}"), schedule_command("resume", "{deployment}", "{schedule}")
)
