"""Builds subjects as environments, starts their fork servers, and opens folders for labs."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

from harness.engines import postgres
from harness.engines.base import SiteSetup
from harness.engines.processes.environment import build_environment, target
from harness.engines.processes.forking import ForkServer, can_fork
from harness.engines.processes.site import ProcessSite
from harness.subjects.overlays import overlaid
from harness.subjects.release import Release, Target
from harness.words.errors import UsageError
from harness.words.names import POSTGRES, REAL


class Processes:
    """The engine `processes`."""

    name = "processes"

    def __init__(self) -> None:
        self._fork_servers: list[subprocess.Popen[bytes]] = []

    def describe(self) -> str:
        """The engine and its host, in one phrase."""
        return f"processes on {platform.system()} {platform.release()}"

    def target(self) -> Target:
        """What subjects are resolved for on this engine."""
        return target()

    def build(self, release: Release, say: Callable[[str], None]) -> str:
        """The release's environment, by folder."""
        environment = build_environment(release, self.target(), say)
        return str(overlaid(environment, release.version, release.overlays) if release.overlays else environment)

    def resolve_image(self, asked: str) -> Release:
        """Raises UsageError: this engine has no images."""
        raise UsageError(f"{asked} needs containers, and this run's engine is processes.\nUse --engine containers.")

    def prepare(self, database: str, _say: Callable[[str], None]) -> None:
        """Raises LabError if PostgreSQL is asked for and not installed: this engine installs nothing on the host."""
        if database == POSTGRES:
            postgres.programs()

    def check_clock(self, _key: str) -> None:
        """Nothing to do: an environment lives on this host, for which the clock is built."""

    def warm(self, key: str, run: str, clock: str = REAL) -> None:
        """Start the fork server of an environment for the labs of a run. It imports Prefect in the background."""
        server = ForkServer(Path(key), run, clock)
        if can_fork() and not server.there():
            self._fork_servers.append(server.start())

    def close(self) -> None:
        """End the fork servers, and with them every process that they forked."""
        for process in self._fork_servers:
            process.kill()
            process.communicate()

    def site(self, setup: SiteSetup) -> ProcessSite:
        """A folder for a lab of the environments that its keys name."""
        return ProcessSite(setup)
