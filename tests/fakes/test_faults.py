"""A fault of a new file, in a scenario of a new folder, both as the how-to pages write them, on the fake Prefect."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
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
