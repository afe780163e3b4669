"""What a command of the guard loads: it has to start where labs cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.commands import commands

GUARDS = [name for name in commands() if name.startswith("guard-")]
FOR_LABS = {"docker", "testcontainers", "pytest", "xdist", "uv", "jinja2"}


@pytest.mark.parametrize("name", GUARDS)
def test_a_command_of_the_guard_loads_no_package_that_is_for_labs(name: str) -> None:
    script = (
        "import sys; from harness import cli; from harness.commands import command_named, parser_of; "
        f"parser_of({name!r}); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "harness.guard.client" in loaded
    assert not loaded & FOR_LABS
