"""Builds subjects as images, and opens networks for labs."""

from __future__ import annotations

from collections.abc import Callable

from harness.engines.base import SiteSetup
from harness.engines.containers.clock import check_clock
from harness.engines.containers.connection import find_engine
from harness.engines.containers.image import build_image, build_postgres, inspect_image, target
from harness.engines.containers.site import ContainerSite
from harness.subjects.release import Release, Target
from harness.words.names import POSTGRES, REAL


class Containers:
    """The engine `containers`."""

    name = "containers"

    def __init__(self) -> None:
        self._engine = find_engine()
        self.client = self._engine.client

    def describe(self) -> str:
        """The engine and its version, in one phrase."""
        return f"Docker {self.client.version()['Version']}"

    def target(self) -> Target:
        """What subjects are resolved for on this engine."""
        return target(self.client)

    def build(self, release: Release, say: Callable[[str], None]) -> str:
        """The release's image, by tag."""
        return build_image(self.client, release, say)

    def resolve_image(self, asked: str) -> Release:
        """What a person's own image holds; it is pulled if this engine does not have it."""
        return inspect_image(self.client, asked)

    def prepare(self, database: str, say: Callable[[str], None]) -> None:
        """Build PostgreSQL's image, if it is asked for and not there yet."""
        if database == POSTGRES:
            build_postgres(self.client, say)

    def check_clock(self, key: str) -> None:
        """In a container of the image: what moves its clock is built for this host, and it may be for another."""
        check_clock(self.client, key)

    def warm(self, key: str, run: str, clock: str = REAL) -> None:
        """Nothing to do: each container has a fork server of its own, which starts with it."""

    def close(self) -> None:
        """Nothing to end: `warm` starts nothing."""

    def site(self, setup: SiteSetup) -> ContainerSite:
        """A network for a lab of the images that its keys name."""
        return ContainerSite(self._engine, setup)
