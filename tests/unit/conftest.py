"""Property tests find the same on every machine, however slow, and leave nothing behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from harness.guard import client as client_module
from harness.guard.client import Client
from harness.guard.where import Where
from tests.unit.guarded_server import Server, serve

# A property that a later search breaks is pinned as an example; a gate that fails by chance teaches to run it twice.
settings.register_profile("gate", deadline=None, derandomize=True, database=None, max_examples=100)
settings.load_profile("gate")


@pytest.fixture
def own_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scratch folders, of this process and of those it starts, lie in the test's own folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def server() -> Server:
    """A server that a guard looks at, with no run."""
    return Server()


@pytest.fixture
def url(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Its API; calls are tried again at once, and nothing of this machine's Prefect is read."""
    monkeypatch.setattr(client_module, "_PAUSE", 0.0)
    for name in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "no-prefect"))
    with serve(server) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """A guard's client of it."""
    with Client(Where(url, by="--api"), seconds=60.0) as client:
        yield client
