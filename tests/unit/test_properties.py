"""What holds for every history, written with any fates, cut anywhere, with events dropped or garbled."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from harness.checkers._findings import Counts
from harness.evidence.report import report
from harness.verdict.outcomes import OUTCOMES, Verdict
from harness.words.plan import Cell
from tests.unit.entries import trial
from tests.unit.plain import Line, judge, read
from tests.unit.stories import MINIMUM, STORIES, answers_at_every_look, fates, outcome, whole_history

COUNTS = (
    "at_risk", "kept", "progressed", "altered", "lost", "unknown", "stranded", "recreated", "completed",
    "executed_twice", "never_ran",
)  # fmt: skip
WHOLE = ["completed"] * 3

# Any mix, and mixes near the verdicts that a random one hardly ever comes to.
any_fates = st.lists(st.sampled_from(sorted(STORIES)), max_size=6)
sound = st.lists(st.sampled_from(["completed", "ended, completed", "found at the second try"]), min_size=3, max_size=5)
one_off = st.builds(
    lambda words, word, at: [*words[:at], word, *words[at:]],
    sound,
    st.sampled_from(sorted(STORIES)),
    st.integers(0, 5),
)
both_sides = st.one_of(
    st.tuples(one_off, sound), st.tuples(any_fates, sound), st.tuples(one_off, one_off), st.tuples(any_fates, any_fates)
)
minimums = st.integers(1, 4)
histories = st.builds(lambda sides, least: whole_history(*sides, minimum=least), both_sides, minimums)

scalars = st.one_of(st.none(), st.booleans(), st.integers(-2, 600), st.sampled_from(["", "x", "404", "COMPLETED"]))
garbage = st.one_of(scalars, st.lists(scalars, max_size=2), st.dictionaries(st.just("x"), scalars))


@st.composite
def garbled(draw: st.DrawFn) -> list[Line]:
    """A history in which one value, however deep, was taken out or replaced by anything."""
    events = deepcopy(draw(histories))
    inside: Any = events
    while True:
        keys = sorted(inside) if isinstance(inside, dict) else list(range(len(inside)))
        key = draw(st.sampled_from(keys))
        deeper = isinstance(inside[key], (dict, list)) and inside[key]
        if inside is not events and not (deeper and draw(st.booleans())):
            break
        inside = inside[key]
    if draw(st.booleans()):
        del inside[key]
    else:
        inside[key] = draw(garbage)
    return events


@pytest.mark.rule(
    "counts-add-up", "At risk is the sum of kept, progressed, altered, lost and unknown; no run counts twice."
)
@given(histories)
def test_the_counts_of_each_side_are_disjoint_and_sum_to_those_at_risk(history: list[Line]) -> None:
    findings = judge(history).findings
    for side, counts in (("treated", findings.treated), ("twin", findings.twin)):
        of_side = [fate for fate in findings.fates if fate.side == side]
        assert counts.at_risk == len({fate.run for fate in of_side}) == len(of_side)
        assert counts.at_risk == counts.kept + counts.progressed + counts.altered + counts.lost + counts.unknown
        assert counts.stranded <= counts.kept
        assert counts.recreated <= counts.lost
        assert counts.completed <= counts.at_risk - counts.lost


@given(both_sides, minimums)
def test_fates_and_outcome_are_those_that_the_design_calls_for(sides: tuple[list[str], list[str]], least: int) -> None:
    treated, twin = sides
    # Where no run of the twin answers at a look, no 404 at it means anything.
    assume(answers_at_every_look(twin))
    found = judge(whole_history(treated, twin, minimum=least))
    for side, words in (("treated", treated), ("twin", twin)):
        assert [fate.fate for fate in found.findings.fates if fate.side == side] == fates(words, twin)
    assert found.outcome == outcome(treated, twin, least)
    event(found.outcome)


@pytest.mark.rule("survived-each-completed", "Survived means that each run at risk completed.")
@given(histories)
def test_survived_means_enough_at_risk_none_lost_and_each_completed(history: list[Line]) -> None:
    found = judge(history)
    treated, twin = found.findings.treated, found.findings.twin
    if found.outcome == "survived":
        least = history[0]["minimum"]
        assert treated.at_risk >= least and twin.at_risk >= least
        assert treated.lost == treated.altered == treated.unknown == twin.lost == 0
        assert treated.completed == treated.at_risk > 0


@given(histories)
def test_lost_means_a_run_that_is_gone_and_a_twin_that_lost_none(history: list[Line]) -> None:
    found = judge(history)
    if found.outcome == "lost":
        assert found.findings.treated.lost > 0
        assert found.findings.twin.lost == found.findings.twin.unknown == 0


@pytest.mark.rule("error-cut-short", "A trial that was cut short is an error that names the phase.")
@given(histories, st.data())
def test_no_history_that_lacks_its_last_look_is_survived_or_lost_and_none_raises(
    history: list[Line], data: st.DataObject
) -> None:
    last_look = max(number for number, each in enumerate(history) if each["kind"] == "look")
    found = judge(history[: data.draw(st.integers(0, last_look))])
    assert found.outcome == "error"


@pytest.mark.rule("cut-short-has-no-verdict", "A trial that was cut short before its last listing has no verdict.")
@given(histories, st.data())
@example(whole_history(WHOLE, WHOLE), None)
def test_a_history_that_is_cut_off_has_no_verdict(history: list[Line], data: st.DataObject | None) -> None:
    cut = data.draw(st.integers(0, len(history) - 1)) if data else len(history) - 1
    assert judge(history[:cut]).outcome == "error"


@given(histories, st.sets(st.integers(0, 80)))
def test_a_history_with_events_dropped_always_has_an_outcome(history: list[Line], dropped: set[int]) -> None:
    left = [each for number, each in enumerate(history) if number not in dropped]
    assert judge(left).outcome in OUTCOMES


@given(histories, st.integers(0, 80))
def test_no_event_dropped_turns_another_outcome_into_a_verdict(history: list[Line], number: int) -> None:
    dropped = history[number % len(history)]
    found = judge([each for each in history if each is not dropped]).outcome
    assert found in (judge(history).outcome, "error", "inconclusive")


def test_no_states_dropped_turn_another_outcome_into_survived() -> None:
    history = whole_history(["picked up before the door was answered", "completed", "completed"], WHOLE)
    assert judge(history).outcome == "inconclusive"
    assert judge([each for each in history if each["kind"] != "states"]).outcome != "survived"


def test_a_look_that_is_missing_turns_no_outcome_into_lost() -> None:
    history = whole_history(["lost", "completed", "completed"], ["lost in the drain", "completed", "completed"])
    assert judge(history).outcome == "inconclusive"
    for when in ("after the door", "after the drain"):
        left = [each for each in history if (each["kind"], each.get("when")) != ("look", when)]
        assert judge(left).outcome != "lost", when


@given(garbled())
@example([{key: value for key, value in each.items() if key != "ended"} for each in whole_history(WHOLE, WHOLE)])
def test_a_garbled_history_always_has_an_outcome(history: list[Line]) -> None:
    found = judge(history)
    assert found.outcome in OUTCOMES
    assert found.findings.treated.lost <= found.findings.treated.at_risk


@given(histories)
def test_other_ids_for_the_same_runs_change_nothing(history: list[Line]) -> None:
    names: dict[str, str] = {}

    def other_ids(value: Any) -> Any:
        if isinstance(value, str) and "-run-" in value:
            return names.setdefault(value, str(uuid.uuid5(uuid.NAMESPACE_OID, value)))
        return mapped(value, other_ids)

    before, after = judge(history), judge(other_ids(history))
    assert (after.outcome, all_counts(after)) == (before.outcome, all_counts(before))
    assert [other_ids(fate.run) for fate in before.findings.fates] == [fate.run for fate in after.findings.fates]


@pytest.mark.rule("version-changes-nothing", "No verdict depends on the version that the history names.")
@given(both_sides, st.sampled_from(["2.20.20", "3.0.9", "3.3.3", "3.9.1", "", "no version"]))
def test_no_version_in_a_history_changes_its_verdict(sides: tuple[list[str], list[str]], version: str) -> None:
    assert judge(whole_history(*sides, version=version)) == judge(whole_history(*sides, version="3.3.4"))


@given(histories, st.permutations(range(6)))
def test_the_order_in_which_runs_were_listed_and_looked_up_changes_nothing(
    history: list[Line], order: list[int]
) -> None:
    def shuffled(value: Any) -> Any:
        return [value[n] for n in order if n < len(value)] + value[len(order) :]

    other = deepcopy(history)
    for each in other:
        if each["kind"] == "listing":
            each["runs"] = shuffled(each["runs"])
    before, after = judge(history), judge(other)
    assert (after.outcome, all_counts(after)) == (before.outcome, all_counts(before))


@given(histories, st.integers(0, 60))
def test_every_history_cut_anywhere_has_a_report_that_says_its_outcome(history: list[Line], cut: int) -> None:
    events = history[:cut]
    found = judge(events)
    entry = trial(version=None, outcome=found.outcome)
    cell = Cell("worker-outage", "prefect-deploy", "3.3.4", "3.3.4", "", "fake", "sqlite", "a fake", "lab")
    assert f": {found.outcome}\n" in report(cell, entry, found, read(events))


@given(histories)
def test_a_history_read_back_from_its_lines_is_judged_the_same(history: list[Line]) -> None:
    assert judge([json.loads(json.dumps(each)) for each in history]) == judge(history)


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same shape, with `change` made to everything inside."""
    if isinstance(value, dict):
        return {key: change(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [change(inner) for inner in value]
    return value


def all_counts(found: Verdict) -> tuple[Counts, Counts]:
    return found.findings.treated, found.findings.twin


def test_the_stories_reach_every_outcome_of_a_trial_that_ran() -> None:
    # Without this the properties could hold because hardly anything was ever judged.
    reached = {
        outcome([*WHOLE, word], [*WHOLE, other]) for word in STORIES for other in ("completed", "lost in the drain")
    }
    assert reached == {"inconclusive", "lost", "altered", "stranded", "survived"}
    assert len(WHOLE) == MINIMUM
