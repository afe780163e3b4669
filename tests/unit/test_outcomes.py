"""Outcomes in order of precedence, and what is expected of them (docs/verdicts.md)."""

from __future__ import annotations

from itertools import pairwise, permutations
from pathlib import Path

import pytest

from harness.checkers._check import Check, compose
from harness.doors import load_doors
from harness.runs.conclude import conclude
from harness.runs.plan import plan_cell
from harness.trials.opening import open_history
from harness.trials.scenario import load_scenarios
from harness.verdict.outcomes import as_expected
from harness.words.plan import Cell, Plan
from tests.unit.plain import Line, judge
from tests.unit.stories import whole_history

DOORS = load_doors()

WHOLE = ("completed",) * 3


def without(events: list[Line], *kinds: str) -> list[Line]:
    """The history with no event of these kinds."""
    return [event for event in events if event["kind"] not in kinds]


def broken(events: list[Line], *, inconclusive: bool = False) -> list[Line]:
    """The history with an error of the lab at its end."""
    error = {"phase": "drain", "reason": "the server ended", "source": "server", "log": "Killed"}
    return [*events, {"at": events[-1]["at"], "kind": "error", "inconclusive": inconclusive, **error}]


def planned(scenario: str, version: str) -> Cell:
    """The cell of a scenario on a release."""
    return plan_cell(
        load_scenarios()[scenario], DOORS["prefect-deploy"], subject=version, version=version, as_of="2025-04-12",
        engine="fake", engine_detail="a fake",
    )  # fmt: skip


def failed_door(events: list[Line]) -> list[Line]:
    """The history with a door that exits 1."""
    return [{**event, "exit_code": 1} if event["kind"] == "door" else event for event in events]


# Each line holds everything that the lines below it hold, and what stands first in the table of docs/verdicts.md wins.
EVERYTHING = ("lost", "renamed", "never ran")
TWIN_LOST = ("lost in the drain", "completed", "completed")


@pytest.mark.rule("lost-comes-first", "Lost comes before altered and stranded.")
@pytest.mark.rule("altered-before-stranded", "Altered comes before stranded.")
@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        pytest.param(broken(whole_history(EVERYTHING, TWIN_LOST)), "error", id="error before inconclusive"),
        pytest.param(failed_door(whole_history(EVERYTHING, TWIN_LOST)), "error", id="door before inconclusive"),
        pytest.param(broken(whole_history(EVERYTHING, WHOLE)), "error", id="error before lost"),
        pytest.param(whole_history(EVERYTHING, TWIN_LOST), "inconclusive", id="inconclusive before lost"),
        pytest.param(whole_history(("lost", "lost"), WHOLE), "inconclusive", id="too few before lost"),
        pytest.param(whole_history(EVERYTHING, WHOLE), "lost", id="lost before altered"),
        pytest.param(
            whole_history(("renamed", "never ran", "completed"), WHOLE), "altered", id="altered before stranded"
        ),
        pytest.param(whole_history(("never ran", "completed", "completed"), WHOLE), "stranded", id="stranded"),
        pytest.param(whole_history(WHOLE, WHOLE), "survived", id="survived"),
    ],
)
def test_the_first_outcome_of_the_table_that_holds_is_the_outcome(events: list[Line], outcome: str) -> None:
    assert judge(events).outcome == outcome


@pytest.mark.rule("worst-checker-counts", "Of what several checkers say, the worst is the outcome.")
def test_the_worst_that_a_checker_says_is_the_outcome() -> None:
    worst_first = ["error", "inconclusive", "lost", "altered", "stranded", "survived"]
    for worse, other in pairwise(worst_first):
        for two in permutations([Check(outcome=worse, reason="the worse"), Check(outcome=other), Check()]):
            assert (compose(two).outcome, compose(two).reason) == (worse, "the worse")


@pytest.mark.rule("altered-stranded-want-the-twin", "Altered and stranded need a twin whose every run completed.")
@pytest.mark.parametrize(("word", "outcome"), [("renamed", "altered"), ("never ran", "stranded")])
def test_altered_and_stranded_want_every_run_of_the_twin_completed(word: str, outcome: str) -> None:
    treated = (word, "completed", "completed")
    assert judge(whole_history(treated, WHOLE)).outcome == outcome
    for one in ("still running", "failed", "never ran"):
        assert judge(whole_history(treated, ("completed", "completed", one))).outcome == "inconclusive"


@pytest.mark.rule("altered-twin-is-no-control", "If the twin's runs were altered too, there is no verdict.")
def test_what_altered_the_twin_too_is_not_the_doors() -> None:
    assert judge(whole_history(("renamed", "completed", "completed"), WHOLE)).outcome == "altered"
    both = judge(whole_history(("renamed", "completed", "completed"), ("renamed", "completed", "completed")))
    assert both.outcome == "inconclusive"
    assert "1 of the 3 runs of the twin, which nobody updated, were altered too" in both.reason


@pytest.mark.rule(
    "stranded-twin-relabelled", "A run is not stranded while the state of a twin's completed run was changed."
)
@pytest.mark.parametrize("twin", ["completed, then called crashed", "completed, then cancelled"])
@pytest.mark.parametrize("treated", ["crashed", "never ran"])
def test_a_twin_that_was_called_otherwise_after_it_completed_is_no_control(treated: str, twin: str) -> None:
    found = judge(whole_history((treated, "completed", "completed"), (twin, "completed", "completed")))
    assert found.outcome == "inconclusive"


def test_survived_says_how_many_were_called_otherwise_after_they_completed() -> None:
    found = judge(whole_history(("completed, then called crashed", "completed", "completed"), WHOLE))
    assert found.outcome == "survived"
    assert found.reason.endswith("and completed (1 of them were called otherwise after that)")


@pytest.mark.rule(
    "all-relabelled-is-no-verdict",
    "If all treated runs were given another state after they completed, and none of the twin's, there is no verdict.",
)
def test_what_happened_to_every_treated_run_and_to_none_of_the_twin_s_is_not_survived() -> None:
    relabelled = ("completed, then called crashed",) * 3
    assert judge(whole_history(relabelled, WHOLE)).outcome == "inconclusive"
    assert judge(whole_history(relabelled, (relabelled[0], "completed", "completed"))).outcome == "survived"


@pytest.mark.rule("survived-nothing-vanished", "If a run that was not at risk is gone, nothing is called survived.")
@pytest.mark.parametrize("side", ["treated", "twin"])
def test_a_run_that_was_not_at_risk_and_is_gone_all_the_same_forbids_survived(side: str) -> None:
    events = whole_history(WHOLE, WHOLE)
    (drained,) = (event for event in events if event["kind"] == "listing" and event["when"] == "after the drain")
    drained["runs"] = [run for run in drained["runs"] if run["run"] != f"{side}-holder"]
    found = judge(events)
    assert found.outcome == "inconclusive"
    assert f"{side}-holder of the {side} deployment, Running before the door, is gone after the drain" in found.reason


def test_lost_does_not_want_the_twin_completed() -> None:
    assert judge(whole_history(("lost", "completed", "completed"), ("never ran",) * 3)).outcome == "lost"


@pytest.mark.rule("survived-without-the-twin", "Survived does not need a twin that completed.")
def test_survived_does_not_want_the_twin_completed() -> None:
    assert judge(whole_history(WHOLE, ("never ran",) * 3)).outcome == "survived"


@pytest.mark.parametrize("word", ["still running", "still pending", "picked up, failed"])
def test_a_run_that_ran_and_has_not_completed_is_never_survived_nor_stranded(word: str) -> None:
    twin = ("completed", "completed", "failed") if word.endswith("failed") else WHOLE
    assert judge(whole_history((word, "completed", "completed"), twin)).outcome == "inconclusive"


@pytest.mark.rule("no-fate-no-verdict", "A run without a fate, on either side, forbids a verdict.")
@pytest.mark.parametrize("side", ["treated", "twin"])
def test_a_run_with_no_fate_on_either_side_forbids_a_verdict(side: str) -> None:
    stories = {"treated": WHOLE, "twin": WHOLE} | {side: ("server error", "completed", "completed")}
    found = judge(whole_history(stories["treated"], stories["twin"]))
    assert found.outcome == "inconclusive"
    assert f"run {side}-run-0 of the {side} deployment" in found.reason


@pytest.mark.rule("minimum-zero", "Zero runs at risk is never survived.")
@pytest.mark.parametrize(("treated", "twin"), [((), ()), ((), WHOLE), (WHOLE, ())])
def test_zero_at_risk_is_inconclusive(treated: tuple[str, ...], twin: tuple[str, ...]) -> None:
    found = judge(whole_history(treated, twin))
    assert found.outcome == "inconclusive"
    assert "0 runs of the " in found.reason


@pytest.mark.rule("story-minimum", "A history that asks for no run at risk is refused.")
@pytest.mark.parametrize("minimum", [0, -1])
def test_a_minimum_that_asks_for_nothing_is_an_error(minimum: int) -> None:
    assert judge(whole_history((), (), minimum=minimum)).outcome == "error"


@pytest.mark.rule("minimum-exactly", "Exactly the minimum of runs at risk is enough.")
def test_exactly_the_minimum_is_enough_and_one_fewer_is_not() -> None:
    assert judge(whole_history(WHOLE, WHOLE, minimum=3)).outcome == "survived"
    assert judge(whole_history(WHOLE, WHOLE, minimum=4)).outcome == "inconclusive"


@pytest.mark.rule("steady-state-shown", "A history that shows no steady state has no verdict.")
def test_a_steady_state_that_was_never_shown_is_inconclusive() -> None:
    found = judge(without(whole_history(WHOLE, WHOLE), "steady-state"))
    assert (found.outcome, found.reason) == ("inconclusive", "the steady state was never shown")


def test_a_steady_state_that_never_came_is_inconclusive_with_the_reason() -> None:
    events = broken(without(whole_history((), ()), "door", "look"), inconclusive=True)
    found = judge(events)
    assert (found.outcome, found.reason) == ("inconclusive", "in phase drain: the server ended")


@pytest.mark.rule("error-outweighs-no-steady-state", "An error outweighs a steady state that never came.")
def test_an_error_outweighs_a_steady_state_that_never_came() -> None:
    events = broken(broken(whole_history(WHOLE, WHOLE), inconclusive=True))
    assert judge(events).outcome == "error"


@pytest.mark.rule(
    "error-lab-broke", "If the lab broke, the outcome is error, and the reason quotes the part that broke."
)
def test_an_error_quotes_its_part_and_its_log_and_keeps_the_fates() -> None:
    found = judge(broken(whole_history(("lost", "completed", "completed"), WHOLE)))
    assert (found.outcome, found.source, found.log) == ("error", "server", "Killed")
    assert (found.findings.treated.lost, found.findings.treated.kept) == (1, 2)


def test_a_trial_cut_short_is_an_error_that_names_the_phase() -> None:
    events = whole_history(WHOLE, WHOLE)
    cut = next(number for number, event in enumerate(events) if event.get("phase") == "drain")
    found = judge(events[: cut + 1])
    assert (found.outcome, found.reason) == ("error", "the trial was cut short in phase drain")


@pytest.mark.rule("error-checker-raised", "A checker that raises makes an error, and no traceback.")
def test_a_checker_that_raises_is_an_error_and_not_a_traceback() -> None:
    events = whole_history(WHOLE, WHOLE)
    next(event for event in events if event["kind"] == "states")["states"][0]["timestamp"] = "some time"
    found = judge(events)
    assert found.outcome == "error"
    assert "could not be judged: ValueError" in found.reason


@pytest.mark.parametrize("kind", ["drained", "error", "note"])
def test_an_event_with_no_facts_is_an_error_and_not_a_traceback(kind: str) -> None:
    events = [*without(whole_history(WHOLE[:2], WHOLE), kind), {"at": "", "kind": kind}]
    if kind == "drained":
        events = [*without(whole_history(WHOLE, WHOLE), kind), {"at": "", "kind": kind}]
    assert judge(events).outcome == "error"


def test_a_history_with_a_broken_line_says_which_line(tmp_path: Path) -> None:
    plan = Plan("run", tmp_path, [])
    cell = planned("worker-outage", "3.3.4")
    history = open_history(plan, cell, load_scenarios()[cell.scenario])
    with history.path.open("a", encoding="utf-8") as file:
        file.write('{"kind": "vers\n')
    history.add("phase", phase="start")
    entry = conclude(plan, cell)
    assert entry.outcome == "error"
    assert "history.jsonl:2" in entry.reason


def test_a_trial_with_no_history_is_an_error(tmp_path: Path) -> None:
    entry = conclude(Plan("run", tmp_path, []), planned("worker-outage", "3.3.4"))
    assert (entry.outcome, entry.as_expected) == ("error", None)


@pytest.mark.rule(
    "not-applicable-first", "What was called not applicable before the start stays so, whatever its history says."
)
def test_not_applicable_comes_from_the_version_alone_and_outweighs_any_history(tmp_path: Path) -> None:
    plan = Plan("run", tmp_path, [])
    cell = planned("concurrency-limit", "2.20.20")
    history = open_history(plan, cell, load_scenarios()[cell.scenario])
    history.add("error", phase="build", reason="no wheel", source="build", log="")
    entry = conclude(plan, cell)
    assert (entry.outcome, entry.expected, entry.as_expected) == ("not-applicable", "not-applicable", True)


@pytest.mark.rule("expected-both-ways", "An expected loss that does not happen is a contradiction too.")
@pytest.mark.parametrize(
    ("outcome", "expected", "held"),
    [
        ("lost", "lost", True),
        ("survived", "survived", True),
        ("survived", "lost", False),  # a silent fix is news
        ("lost", "survived", False),
        ("altered", "lost", False),
        ("stranded", "survived", False),
        ("error", "lost", None),
        ("inconclusive", "survived", None),
        (None, "survived", None),
        ("survived", None, None),
        ("not-applicable", "not-applicable", True),
    ],
)
def test_an_outcome_is_held_to_what_is_known_in_both_directions(
    outcome: str | None, expected: str | None, held: bool | None
) -> None:
    assert as_expected(outcome, expected) is held


@pytest.mark.rule("looks-are-listed", "A history that lacks a listing beside a look was cut short.")
@pytest.mark.rule("clock-is-read", "A history that lacks a reading of the server's clock was cut short.")
@pytest.mark.parametrize(
    ("kind", "when"),
    [
        ("listing", "after the door"), ("clock", "before the door"), ("clock", "as the door was answered"),
        ("clock", "after the door"), ("clock", "after the drain"),
    ],
)  # fmt: skip
def test_a_history_without_one_of_its_readings_was_cut_short(kind: str, when: str) -> None:
    events = whole_history(WHOLE, WHOLE)
    left = [line for line in events if (line["kind"], line.get("when")) != (kind, when)]
    assert len(left) == len(events) - 1
    assert judge(left).outcome == "error"
    older = judge([{**left[0], "schema": 6}, *left[1:]])
    assert older.outcome != "error", "not every reading was recorded then"


@pytest.mark.rule("executed-marks-are-there", "A history without marks was cut short.")
def test_a_history_without_marks_was_cut_short() -> None:
    events = whole_history(WHOLE, WHOLE)
    found = judge(without(events, "executions"))
    assert (found.outcome, found.reason) == ("error", "the trial was cut short in phase drain")
    opening, *rest = without(events, "executions", "bystanders")
    assert judge([{**opening, "schema": 3}, *rest]).outcome == "survived"  # flows left none then
