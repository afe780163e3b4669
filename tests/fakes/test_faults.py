"""A fault of a new file, in a scenario of a new folder, both as the how-to pages write them, on the fake Prefect."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import harness.faults
from harness.faults import load_faults
from harness.runs.conclude import conclude
from harness.trials import scenario
from harness.trials.scenario import load_scenarios
from tests.fakes.fake_lab import FakeLab, counts, judged, verdict
from tests.unit.test_open_rooms import example

SIX = counts(at_risk=6, kept=6)
SENTENCES = ("The work pool is paused, and hands out no run; a worker is alive.", "The work pool is resumed.")


@pytest.fixture
def long_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The scenario of the page, hurt by the fault of the page; both are gone afterwards. Gives its name."""
    faults, folder = tmp_path / "faults", tmp_path / "scenarios" / "long-pause"
    faults.mkdir()
    (faults / "pool_paused.py").write_text(example("add-a-fault.md", "python"), encoding="utf-8")
    folder.mkdir(parents=True)
    text = example("add-a-scenario.md", "python").replace("worker-killed", "pool-paused")
    (folder / "scenario.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(harness.faults, "__path__", [*harness.faults.__path__, str(faults)])
    monkeypatch.setattr(scenario, "PLACES", [*scenario.PLACES, folder.parent])
    load_faults.cache_clear()
    load_scenarios.cache_clear()
    yield folder.name
    load_faults.cache_clear()
    load_scenarios.cache_clear()


def test_it_puts_runs_at_risk_is_lifted_and_its_sentences_are_in_history_and_report(
    lab: FakeLab, long_pause: str
) -> None:
    entry = lab.trial(long_pause)
    assert judged(entry) == verdict("survived", treated=SIX, twin=SIX), entry.reason
    opening, *events = lab.history(long_pause)
    assert (opening["fault"], opening["texts"]["stage"], opening["texts"]["lift"]) == ("pool-paused", *SENTENCES)
    (hurt,), (lifted,) = ([e for e in events if e["kind"] == kind] for kind in ("fault", "lifted"))
    assert (hurt["fault"], lifted["what"]) == ("pool-paused", SENTENCES[1])
    assert [e["what"] for e in events if e["kind"] == "act"].count(f"PATCH /work_pools/{long_pause}") == 2
    report = (lab.plan.folder / entry.folder / "report.md").read_text(encoding="utf-8")
    assert f"Fault `pool-paused`: {SENTENCES[0]} Each of two deployments has 6 ticks" in report


def test_a_report_of_its_history_needs_neither_fault_nor_scenario(
    lab: FakeLab, long_pause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.trial(long_pause)
    cell, folder = lab.cell(long_pause), lab.plan.trial_folder(lab.cell(long_pause))
    written = (folder / "report.md").read_text(encoding="utf-8")
    shutil.rmtree(tmp_path / "scenarios")
    shutil.rmtree(tmp_path / "faults")
    load_faults.cache_clear()
    load_scenarios.cache_clear()
    assert long_pause not in load_scenarios()
    (folder / "report.md").unlink()
    conclude(lab.plan, cell)
    assert (folder / "report.md").read_text(encoding="utf-8") == written


HURT = '''"""What a fault does to six runs."""

from harness.trials.scenario import Scenario

scenario = Scenario(
    summary="Six scheduled runs pass their time and turn Late.",
    state="Late",
    ticks=6,
    interval=1,
    minimum=6,
    backlog="overdue",
    fault="FAULT",
)
'''


@pytest.fixture
def hurt_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Makes a scenario that is hurt by a fault of this name; gives the scenario's name."""
    folder = tmp_path / "scenarios" / "long-hurt"

    def make(fault: str) -> str:
        folder.mkdir(parents=True)
        (folder / "scenario.py").write_text(HURT.replace("FAULT", fault), encoding="utf-8")
        monkeypatch.setattr(scenario, "PLACES", [*scenario.PLACES, folder.parent])
        load_scenarios.cache_clear()
        return folder.name

    yield make
    load_scenarios.cache_clear()


def done_to_parts(lab: FakeLab, name: str) -> list[tuple[str, str]]:
    """What was done to parts of the lab, in order."""
    return [(event["of"], event["what"]) for event in lab.history(name) if event["kind"] == "part"]


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        ("worker-frozen", [("worker", "frozen"), ("worker", "thawed")]),
        ("worker-cut-off", [("worker", "cut off"), ("worker", "connected")]),
        ("host-rebooted", [("server", "killed"), ("server", "started")]),
    ],
)
def test_runs_outlast_a_fault_and_the_history_says_what_was_done(
    lab: FakeLab, hurt_by: Callable[[str], str], fault: str, done: list[tuple[str, str]]
) -> None:
    name = hurt_by(fault)
    lab.engine = "containers"
    entry = lab.trial(name)
    assert judged(entry) == verdict("survived", treated=SIX, twin=SIX), entry.reason
    assert done_to_parts(lab, name) == done


@pytest.mark.rule("fault-wants-its-lab", "A scenario whose fault hurts others, too, is alone in its lab.")
def test_a_scenario_whose_server_is_killed_is_alone_in_its_lab(lab: FakeLab, hurt_by: Callable[[str], str]) -> None:
    name = hurt_by("host-rebooted")
    assert load_scenarios()[name].alone
    assert lab.cell(name).lab.endswith(f"--{name}")


@pytest.mark.rule("not-applicable-fault-engine", "A fault for one engine makes its scenario not applicable on another.")
def test_a_fault_that_an_engine_has_not_is_not_applicable_there(lab: FakeLab, hurt_by: Callable[[str], str]) -> None:
    name = hurt_by("worker-cut-off")
    lab.engine = "processes"
    cell = lab.cell(name)
    assert cell.outcome == "not-applicable"
    assert cell.reason == "the fault worker-cut-off is for the engine containers; this one is processes"
