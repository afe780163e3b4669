"""The report of a run that is to be filed: one trial's, with how often it was seen, and never too long for GitHub."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from harness.evidence.bug_report import bug_report, bug_report_of
from harness.evidence.markdown import LONGEST
from tests.fakes.fake_lab import FakeLab
from tests.unit.entries import trial

OUTAGE = "worker-outage"


def test_it_is_the_report_of_what_was_lost_with_the_control_beside_it(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)

    def delete_one() -> None:
        late = [run for run in backlog.at_risk() if run.deployment.name.endswith("patch-deployment")]
        backlog.delete(late[-1:])

    backlog.on_update(delete_one)
    trials = lab.trials(OUTAGE, doors=["none", "patch-deployment"])
    again = [replace(trials[1], repetition=2), replace(trials[1], repetition=3, outcome="survived")]
    text = bug_report_of(lab.plan.folder, [*trials, *again])
    assert text.startswith("# worker-outage, patch-deployment, Prefect 3.9.1: lost\n")
    often = text.partition("## How often\n\n")[2].partition("\n\n")[0].splitlines()
    assert often[0].startswith("- worker-outage, none, 3.9.1: survived 1 of 1")
    assert often[1].startswith("- worker-outage, patch-deployment, 3.9.1: lost 2 of 3 (95 %: ")
    for part in (
        "## What was done",
        "## Expected",
        "## Actual",
        "```mermaid",
        "## Proof of the door",
        "## Do it again",
    ):
        assert text.count(part) == 1, part


def test_where_nothing_was_lost_there_is_nothing_to_file(lab: FakeLab) -> None:
    assert bug_report_of(lab.plan.folder, [lab.trial(OUTAGE)]) == ""


@pytest.mark.parametrize("fence", ["```", "`````"])
def test_one_that_is_too_long_is_cut_off_outside_of_a_block(fence: str) -> None:
    one = trial(scenario=OUTAGE, door="none", outcome="lost")
    report = f"# title\n\nwhy.\n\n{fence}text\n" + "a line of a log\n" * 9_000 + f"{fence}\n"
    text = bug_report(report, one, [one])
    assert LONGEST - 200 < len(text) <= LONGEST
    assert [line for line in text.splitlines() if line.startswith("```")] == [f"{fence}text", fence]
    assert text.endswith("The whole is in the run's folder.)\n")
