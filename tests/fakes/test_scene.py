"""A lab that is left standing: the scene is what a trial's would be, and what can be done in it is said."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from harness.commands.lab import PHASES, Ask, Scene, build, run, scene_of
from harness.lab.lab import Lab
from harness.words.errors import UsageError
from harness.words.names import SERVER
from tests.fakes.fake_lab import DEADLINES, VERSION, FakeLab

OUTAGE = "worker-outage"


def scene(scenario: str = OUTAGE, door: str = "", **facts: object) -> Scene:
    return scene_of(Ask(subject=VERSION, scenario=scenario, door=door, **facts))  # type: ignore[arg-type]


def built(lab: FakeLab, asked: Scene, folder: Path) -> str:
    said = io.StringIO()
    with Lab(lab.site, {SERVER: VERSION}, DEADLINES, clock=lab.clock) as open_lab:
        build(asked, open_lab, folder, Console(file=said, width=300))
    return said.getvalue()


def test_the_scene_has_its_runs_at_risk_and_says_how_to_lose_them(lab: FakeLab, tmp_path: Path) -> None:
    said = built(lab, scene(), tmp_path)
    assert f"the lab stands: worker-outage on {VERSION}, up to: at-risk" in said
    assert "  fault worker-killed: The worker that had just completed a run is killed (SIGKILL).\n" in said
    assert "worker-outage--prefect-deploy: 3 Late (" in said and "worker-outage--twin: 3 Late (" in said
    assert "cd /lab/scenarios/worker-outage && prefect --no-prompt deploy -n worker-outage--prefect-deploy" in said
    (treated,) = [d for d in lab.prefect.deployments.values() if d.name == "worker-outage--prefect-deploy"]
    assert f"/api/deployments/{treated.id}/pause_deployment" in said
    assert (tmp_path / "history.jsonl").exists()
    assert (treated.description, treated.paused) == ("staged", False), "no door was opened"


@pytest.mark.parametrize("until", list(PHASES))
def test_it_is_built_as_far_as_was_asked(lab: FakeLab, tmp_path: Path, until: str) -> None:
    said = built(lab, scene(until=until), tmp_path)
    phases = [line.strip() for line in said.splitlines() if line.strip() in PHASES]
    assert phases == list(PHASES)[: list(PHASES).index(until) + 1]
    assert ("worker-outage--twin" in said) == (until != "steady-state")


def test_a_served_scene_names_no_deploy(lab: FakeLab, tmp_path: Path) -> None:
    said = built(lab, scene("serve"), tmp_path)
    assert "serve--serve-stop: 1 Running, 3 Late" in said
    assert "deploy -n" not in said and "pause_deployment" in said


def test_a_door_that_does_not_fit_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="served by a process of their own"):
        run(Ask(subject=VERSION, scenario=OUTAGE, door="serve-stop", results=tmp_path), Console(file=io.StringIO()))
    assert not list(tmp_path.iterdir())
