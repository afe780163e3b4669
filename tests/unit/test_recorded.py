"""Real histories, recorded on 3.3.3 and 3.3.4 in containers, are judged again as they were then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.history import read_history
from harness.verdict.outcomes import judge

RECORDED = Path(__file__).parent / "recorded"
KEPT = {"at_risk": 3, "kept": 3, "completed": 3}


def counts(found: object) -> dict[str, int]:
    """The counts that are not 0."""
    return {name: number for name, number in vars(found).items() if number}


@pytest.mark.parametrize("scenario", ["concurrency-limit", "worker-outage"])
@pytest.mark.parametrize(("outcome", "treated"), [("lost", {"at_risk": 3, "lost": 3}), ("survived", KEPT)])
def test_a_recorded_trial_comes_to_its_outcome_and_counts_again(
    scenario: str, outcome: str, treated: dict[str, int]
) -> None:
    found = judge(read_history(RECORDED / f"{scenario}-{outcome}.jsonl"))
    assert found.outcome == outcome
    assert (counts(found.findings.treated), counts(found.findings.twin)) == (treated, KEPT)


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.jsonl")), ids=lambda path: path.stem)
def test_a_recorded_trial_cut_anywhere_before_its_last_look_is_an_error(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    last_look = text.rindex('"kind": "look"')
    cut = tmp_path / "history.jsonl"
    for end in (*range(0, last_look, 997), last_look):
        cut.write_text(text[:end], encoding="utf-8")
        assert judge(read_history(cut)).outcome == "error", end


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.jsonl")), ids=lambda path: path.stem)
def test_a_recorded_trial_names_no_folder_of_the_machine_it_ran_on(path: Path) -> None:
    assert re.findall(r"(?<![\w.])/(?:root|work|tmp|home|Users)/", path.read_text(encoding="utf-8")) == []


def test_four_trials_are_recorded() -> None:
    # Without this the tests above could pass for want of a file.
    assert len(list(RECORDED.glob("*.jsonl"))) == 4
