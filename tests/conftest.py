"""What every test shares: the option that turns a missing engine, database or browser from a skip into a failure."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from harness.engines import postgres
from harness.engines.containers import connect
from harness.errors import LabError


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-all",
        action="store_true",
        help="fail, instead of skipping, where no Docker engine answers, or PostgreSQL or Chromium is not installed",
    )


@pytest.fixture(scope="session")
def docker_engine(request: pytest.FixtureRequest) -> None:
    """A Docker engine that answers; without one, skip, or fail where all is required."""
    _need(request, lambda: connect().close())


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest) -> None:
    """PostgreSQL's programs on this machine; without them, skip, or fail where all is required."""
    _need(request, postgres.programs)


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> str:
    """A Chromium on this machine; without one, skip, or fail where all is required."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    _need(request, lambda: None if found else _no("no Chromium is installed"))
    assert found
    return found


def _no(reason: str) -> None:
    raise LabError(reason)


def _need(request: pytest.FixtureRequest, look: Callable[[], object]) -> None:
    try:
        look()
    except LabError as error:
        if request.config.getoption("--require-all"):
            pytest.fail(error.reason)
        pytest.skip(error.reason)
