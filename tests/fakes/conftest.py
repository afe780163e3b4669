"""A fake lab a test, on a clock that only waits move on."""

from __future__ import annotations

import ssl
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from harness import runner
from harness.evidence import trial_folder
from harness.scenario import Scenario, load_scenarios
from tests.fakes.clock import Clock, keep_time_by
from tests.fakes.fake_lab import FakeLab


def with_three_at_risk() -> dict[str, Scenario]:
    """The real scenarios; where a run a side holds a slot, three are at risk beside it, and none is to spare."""
    found = load_scenarios()
    limited = {name: replace(one, minimum=3, ticks=3 + one.holders) for name, one in found.items() if one.holders}
    return {**found, **limited}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> FakeLab:
    """A lab on a fake Prefect that keeps every run, before anything is planted in it."""
    if not request.node.get_closest_marker("pictures"):  # two a trial, half of its time
        monkeypatch.setattr(trial_folder, "as_png", lambda _: None)
    clock = Clock()
    keep_time_by(clock, monkeypatch)
    monkeypatch.setattr(runner, "load_scenarios", with_three_at_risk)
    # Nothing here speaks TLS, and loading the certificates anew would be a third of every trial.
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)))
    return FakeLab(tmp_path / "lab", clock)


@pytest.fixture(params=["awaiting-retry", "concurrency-limit", "worker-outage"])
def scenario(request: pytest.FixtureRequest) -> str:
    """Each scenario in turn."""
    name: str = request.param
    return name
