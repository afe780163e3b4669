"""What every test shares: the option that turns a missing Docker engine or PostgreSQL from a skip into a failure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.engines import postgres
from harness.engines.containers import connect
from harness.errors import LabError


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-all",
        action="store_true",
        help="fail, instead of skipping, where no Docker engine answers or PostgreSQL is not installed",
    )


@pytest.fixture(scope="session")
def docker_engine(request: pytest.FixtureRequest) -> None:
    """A Docker engine that answers; without one, skip, or fail where all is required."""
    _need(request, lambda: connect().close())


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> None:
    """PostgreSQL's programs on this machine; without them, skip, or fail where all is required."""
    _need(request, postgres.programs)


def _need(request: pytest.FixtureRequest, look: Callable[[], object]) -> None:
    try:
        look()
    except LabError as error:
        if request.config.getoption("--require-all"):
            pytest.fail(error.reason)
        pytest.skip(error.reason)
