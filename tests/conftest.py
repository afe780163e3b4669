"""What every test shares: the option that turns a missing engine, database or browser from a skip into a failure."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from harness.engines import postgres
from harness.engines.containers.connection import connect
from harness.words.errors import LabError

RUN_LABS = (
    "test_both_starts.py",
    "test_given_image.py",
    "test_guard_foretells.py",
    "test_guard_installed.py",
    "test_guard_restores.py",
    "test_interrupts.py",
    "test_movable_clock.py",
    "test_reproduce.py",
)


class LabsByFile(LoadScopeScheduling):  # type: ignore[misc]
    """xdist's scheduling with all tests of a file that runs labs in one worker; each other test is for any worker.

    xdist begins with the file of most tests. All default runs, of two labs each, are in one file: one at a time.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if Path(file).name in RUN_LABS else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LabsByFile:
    return LabsByFile(config, log)


def pytest_configure() -> None:
    """SIGINT and SIGHUP as at a terminal: a shell has what it starts with `&` ignore the one, `nohup` the other.

    What such a process starts ignores them, too.
    """
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, usual)


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
