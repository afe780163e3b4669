"""A fake lab a test, on a clock that only waits move on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.fake_lab import FakeLab
from tests.fakes.ground import fake_ground


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> FakeLab:
    """A lab on a fake Prefect that keeps every run, before anything is planted in it."""
    pictures = request.node.get_closest_marker("pictures") is not None
    return FakeLab(tmp_path / "lab", fake_ground(monkeypatch, pictures=pictures))


@pytest.fixture(params=["awaiting-retry", "concurrency-limit", "worker-outage"])
def scenario(request: pytest.FixtureRequest) -> str:
    """Each scenario in turn."""
    name: str = request.param
    return name
