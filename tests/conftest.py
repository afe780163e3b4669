"""What every test shares: the option that turns a missing Docker engine from a skip into a failure."""

from __future__ import annotations

import pytest

from harness.engines.containers import connect
from harness.errors import LabError


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-containers", action="store_true", help="fail, instead of skipping, where no Docker engine answers"
    )


@pytest.fixture(scope="session")
def docker_engine(request: pytest.FixtureRequest) -> None:
    """A Docker engine that answers; without one, skip, or fail where containers are required."""
    try:
        connect().close()
    except LabError as error:
        if request.config.getoption("--require-containers"):
            pytest.fail(error.reason)
        pytest.skip(error.reason)
