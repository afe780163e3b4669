"""What fake labs need: a clock that only waits move on, and nothing that takes time by itself."""

from __future__ import annotations

import ssl
from dataclasses import replace
from functools import partial

import httpx
import pytest

from harness.evidence import picture
from harness.trials import phases
from harness.trials.scenario import Scenario, load_scenarios
from tests.fakes.clock import Clock


def with_three_at_risk() -> dict[str, Scenario]:
    """The real scenarios; where a run a side holds a slot, three are at risk beside it, and none is to spare."""
    found = load_scenarios()
    limited = {name: replace(one, minimum=3, ticks=3 + one.holders) for name, one in found.items() if one.holders}
    return {**found, **limited}


def fake_ground(patch: pytest.MonkeyPatch, *, pictures: bool = False) -> Clock:
    """Make a trial cost no second; returns a new clock for a lab. Timelines are drawn as PNG only for `pictures`."""
    if not pictures:  # two a trial, half of its time
        patch.setattr(picture, "as_png", lambda _: None)
    patch.setattr(phases, "load_scenarios", with_three_at_risk)
    # Nothing here speaks TLS, and loading the certificates anew would be a third of every trial.
    patch.setattr(httpx, "Client", partial(httpx.Client, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)))
    return Clock()
