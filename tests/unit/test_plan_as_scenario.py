"""A plan that was made small, as a scenario folder: what is written, and which plans cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import cli
from harness.chaos.text import plan_of
from harness.commands import chaos
from harness.doors import load_doors
from harness.trials import scenario as room
from harness.trials.scenario import load_scenarios, scenarios_from

HEAD = "plan: 1\ndeployments:\n- {name: a, schedule: cron */5 * * * *}\nsteps:\n"
HURT, MOVE, OPEN = (
    "- {do: hurt, fault: worker-killed}\n", "- {do: move-clock, minutes: 16}\n",
    "- {do: open, door: patch-deployment, of: a}\n",
)  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(chaos, "SCENARIOS", tmp_path / "scenarios")
    (tmp_path / "scenarios").mkdir()
    return tmp_path / "scenarios"


def write(place: Path, steps: str, name: str = "patched-overdue") -> int:
    (place.parent / "mine.yaml").write_text(HEAD + steps, encoding="utf-8")
    return cli.main(["chaos", "--plan", str(place.parent / "mine.yaml"), "--as-scenario", name])


def test_a_plan_becomes_a_scenario_that_the_harness_has(place: Path) -> None:
    assert write(place, HURT + MOVE + MOVE + "- {do: wait, until: late, of: a}\n" + OPEN) == 0
    with scenarios_from(place) as names:
        assert names == ("patched-overdue",)
        made = load_scenarios()["patched-overdue"]
    assert (made.fault, made.doors, made.clock, made.by_name) == (
        "worker-killed",
        ("patch-deployment", "none"),
        "warp",
        True,
    )
    assert (made.ticks, made.minimum, made.state) == (3, 3, "Late") and "32 minutes" in made.stage_text
    assert not load_doors()["patch-deployment"].misfit(made)
    readme = (place / "patched-overdue" / "README.md").read_text(encoding="utf-8")
    plan = readme.partition("```yaml\n")[2].partition("```")[0]
    assert plan_of(plan) == plan_of(HEAD + HURT + MOVE + MOVE + "- {do: wait, until: late, of: a}\n" + OPEN)
    assert room.PLACES


@pytest.mark.parametrize(
    ("steps", "name", "why"),
    [
        (HURT + OPEN, "x", "A scenario stages worker-killed, moves of the clock and one door"),
        (MOVE + HURT + OPEN, "x", "the plan has: move the clock 16 min ahead; hurt: worker-killed"),
        (HURT + MOVE + OPEN + OPEN, "x", "A scenario stages"),
        (HURT + MOVE + OPEN + "- {do: lift, fault: worker-killed}\n", "x", "A scenario stages"),
        (HURT.replace("killed", "frozen") + OPEN, "x", "A scenario stages"),
        (HURT + MOVE + OPEN, "../x", "no name of a scenario"),
        (HURT + MOVE + OPEN, "Patched", "no name of a scenario"),
        (HURT + MOVE + OPEN, "worker-outage", "There is a scenario 'worker-outage' already"),
    ],
)
def test_a_plan_that_no_scenario_can_stage_is_refused(
    place: Path, steps: str, name: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write(place, steps, name) == 2
    said = capsys.readouterr().err
    assert why in said and len(said.splitlines()) <= 3
    assert list(place.iterdir()) == []


def test_one_plan_becomes_a_scenario(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chaos", "--as-scenario", "x"]) == 2
    assert "Name it: --plan FILE" in capsys.readouterr().err
