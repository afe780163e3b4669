"""Of a large backlog the drain has the first runs of each side executed: what that says of the others."""

from __future__ import annotations

from typing import Any

import pytest

from harness.doors import load_doors
from harness.trials.scenario import load_scenarios
from tests.unit.plain import Line, check_survival, judge
from tests.unit.stories import LATE, STATE, STORIES, Story, whole_history

SLOTLESS = {"state_type": "SCHEDULED", "state_name": "AwaitingConcurrencySlot"}
DONE, WAITS = "completed", "never ran"
WHOLE_TWIN = (DONE, DONE, WAITS, WAITS)


def sampled(
    treated: tuple[str, ...], twin: tuple[str, ...] = WHOLE_TWIN, *, sample: int = 2, ended: bool = True
) -> list[Line]:
    """The history of a trial whose drain was to come to the first runs of each side, and ended as these had."""
    opening, *rest = whole_history(treated, twin)
    return [{**opening, "sample": sample}, *({**one, "sampled": ended} if one["kind"] == "drained" else one
                                             for one in rest)]  # fmt: skip


def came_to(*args: Any, **options: Any) -> tuple[str | None, str]:
    verdict = judge(sampled(*args, **options))
    return verdict.outcome, verdict.reason


def test_runs_that_the_drain_was_not_to_come_to_do_not_stand_against_those_that_it_did() -> None:
    outcome, reason = came_to((DONE, DONE, WAITS, WAITS))
    assert (outcome, reason) == (
        "survived",
        "all 4 runs at risk are there at every look; 2 of them completed, those due first among them, and the other 2 "
        "were not asked to complete",
    )
    counts = check_survival(sampled((DONE, DONE, WAITS, WAITS)), state=STATE).treated
    assert (counts.kept, counts.completed, counts.unasked, counts.stranded) == (4, 2, 2, 0)


@pytest.mark.rule("sample-is-said", "A `survived` says how many runs of a sample completed.")
def test_a_drain_of_all_says_nothing_of_a_sample() -> None:
    assert "asked" not in came_to((DONE,) * 4, (DONE,) * 4)[1]
    assert "2 of them completed" in came_to((DONE, DONE, WAITS, WAITS))[1]


def test_without_a_sample_a_run_that_never_ran_is_stranded() -> None:
    assert came_to((DONE, DONE, WAITS, WAITS), (DONE,) * 4, sample=0)[0] == "stranded"


@pytest.mark.rule(
    "sample-has-ended", "As long as a run of the sample has not ended, the others count as in a drain of all."
)
@pytest.mark.parametrize("treated", [(DONE, WAITS, DONE, WAITS), (WAITS,) * 4, (DONE, "still running", WAITS, WAITS)])
def test_a_sample_that_did_not_run_lets_none_off(treated: tuple[str, ...]) -> None:
    assert check_survival(sampled(treated), state=STATE).treated.unasked == 0
    assert came_to(treated)[0] in ("stranded", "inconclusive")


def test_a_run_of_the_sample_that_never_ran_is_stranded() -> None:
    assert came_to((DONE, WAITS, DONE, WAITS), (DONE,) * 4, ended=False)[0] == "stranded"


@pytest.mark.parametrize(
    ("treated", "twin"),
    [
        ((DONE, WAITS, WAITS, WAITS), (DONE, WAITS, WAITS, WAITS)),
        ((DONE, WAITS, WAITS, WAITS), WHOLE_TWIN),
        ((DONE, DONE, WAITS, WAITS), (WAITS,) * 4),
    ],
)
def test_a_twin_that_was_left_too_is_no_control_for_a_stranded_run(
    treated: tuple[str, ...], twin: tuple[str, ...]
) -> None:
    for ended in (True, False):
        assert came_to(treated, twin, ended=ended)[0] == "inconclusive"


@pytest.mark.rule("sample-if-drained-so", "A run is let off only if the drain ended as its sample had ended.")
def test_a_drain_of_all_lets_none_off() -> None:
    halves = (DONE, DONE, WAITS, WAITS)
    assert came_to(halves, (DONE,) * 4, ended=False)[0] == "stranded"
    assert came_to(halves, ended=False)[0] == "inconclusive"
    without = [line for line in sampled(halves) if line["kind"] != "drained"]
    assert judge(without).outcome != "survived"


@pytest.mark.parametrize("number", [0, -1])
def test_a_sample_of_nothing_is_a_drain_of_all(number: int) -> None:
    assert came_to((DONE, DONE, WAITS, WAITS), sample=number)[0] == "inconclusive"


@pytest.mark.rule("sample-passed-over", "A run that was passed over for a later one says nothing, and is no verdict.")
def test_a_run_that_was_passed_over_is_neither_unasked_nor_stranded() -> None:
    treated, twin = (DONE, DONE, WAITS, WAITS), (DONE, DONE, DONE, DONE)
    counts = check_survival(sampled(treated, twin), state=STATE).treated
    assert (counts.unasked, counts.stranded) == (1, 0)  # the last was due no earlier than what was executed
    assert came_to(treated, twin)[0] == "inconclusive"


def test_a_run_of_the_sample_that_a_busy_server_made_its_worker_give_up_is_no_verdict() -> None:
    assert came_to(("given up", DONE, WAITS, WAITS))[0] == "inconclusive"


def test_a_run_of_the_sample_that_failed_strands_none_beside_it() -> None:
    counts = check_survival(sampled(("failed", DONE, WAITS, WAITS)), state=STATE).treated
    assert (counts.altered, counts.stranded, counts.unasked) == (1, 0, 2)


def test_a_sample_of_which_each_was_called_otherwise_later_is_no_verdict() -> None:
    outcome, reason = came_to(("completed, then called crashed",) * 2 + (WAITS, WAITS))
    assert (outcome, "all 2 completed, but each was called otherwise" in reason) == ("inconclusive", True)


@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("lost", "lost"),
        ("lost in the drain", "lost"),
        ("cancelled", "altered"),
        ("cancelled later", "altered"),
        ("moved to a deployment", "altered"),
        ("server error", "inconclusive"),
    ],
)
def test_what_became_of_a_run_counts_within_the_sample_and_beside_it(number: int, word: str, outcome: str) -> None:
    treated = [DONE, DONE, WAITS, WAITS]
    treated[number] = word
    twin = WHOLE_TWIN
    if number == 0:  # then the third is one of the sample
        treated[2], twin = DONE, (DONE, DONE, DONE, WAITS)
    assert came_to(tuple(treated), twin)[0] == outcome


@pytest.mark.rule("sample-unasked-as-it-was", "A run beside the sample that was asked and put off is no verdict.")
@pytest.mark.parametrize("by_now", [SLOTLESS, {**LATE, "state_id": "another"}])
def test_a_run_that_was_put_off_is_neither_unasked_nor_stranded(
    monkeypatch: pytest.MonkeyPatch, by_now: dict[str, str]
) -> None:
    monkeypatch.setitem(STORIES, "put off", Story([LATE], [by_now], "kept", stranded=True))
    counts = check_survival(sampled((DONE, DONE, "put off", WAITS)), state=STATE).treated
    assert (counts.unasked, counts.stranded) == (1, 0)
    assert came_to((DONE, DONE, "put off", WAITS))[0] == "inconclusive"


def test_the_sample_is_of_those_that_are_there() -> None:
    assert came_to(("lost", DONE, DONE, WAITS))[0] == "lost"
    counts = check_survival(sampled(("lost", DONE, DONE, WAITS)), state=STATE).treated
    assert (counts.lost, counts.completed, counts.unasked) == (1, 2, 1)


@pytest.mark.rule("sample-due-first", "The sample is what was due first, whatever the order of ids.")
def test_the_sample_is_of_those_that_were_due_first() -> None:
    def in_reverse(value: Any) -> Any:
        """The same with each run due so much earlier as it was later."""
        if isinstance(value, list):
            return [in_reverse(each) for each in value]
        if not isinstance(value, dict):
            return value
        found = {key: in_reverse(each) for key, each in value.items()}
        if "expected_start_time" in found and str(found["run"])[-1] in "0123":
            found["expected_start_time"] = f"2030-01-01T00:00:0{9 - int(found['run'][-1])}Z"
        return found

    last = (WAITS, WAITS, DONE, DONE)
    assert judge(in_reverse(sampled(last, last))).outcome == "survived"
    assert came_to(last, last)[0] == judge(in_reverse(sampled((DONE, DONE, WAITS, WAITS)))).outcome == "inconclusive"


@pytest.mark.rule("sample-altered-has-ended", "A run of the sample that was altered is not waited for.")
def test_a_run_of_the_sample_that_was_altered_and_never_ended_lets_the_others_off() -> None:
    treated, twin = ("moved to a deployment", DONE, WAITS, WAITS), WHOLE_TWIN
    counts = check_survival(sampled(treated, twin), state=STATE).treated
    assert (counts.altered, counts.unasked, counts.stranded) == (1, 2, 0)


@pytest.mark.rule(
    "sample-unasked-if-kept", "A run that was altered was not left alone, though it is in the same state."
)
@pytest.mark.rule("sample-unasked-never-ran", "A run that was executed was asked to, though it is in the same state.")
def test_a_run_beside_the_sample_to_which_something_happened_is_not_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STORIES, "executed, and late", Story([LATE], [LATE], "kept", stranded=True, executed=1))
    for word in ("moved to a deployment", "executed, and late"):
        counts = check_survival(sampled((DONE, DONE, word, WAITS)), state=STATE).treated
        assert counts.unasked == 1, word
        assert came_to((DONE, DONE, word, WAITS))[0] != "survived", word


@pytest.mark.rule("story-marks-of-a-flow", "A mark says what its flow received, or its trial that no flow is run.")
def test_a_mark_without_parameters_is_that_of_a_stand_in_alone() -> None:
    opening, *rest = sampled((DONE, DONE, WAITS, WAITS))
    marks = [
        {**event, "executions": [{**one, "parameters": None} for one in event["executions"]]}
        if event["kind"] == "executions"
        else event
        for event in rest
    ]
    assert judge([{**opening, "stand_in": True}, *marks]).outcome == "survived"
    refused = judge([opening, *marks])
    assert (refused.outcome, "an execution is marked without what its flow received" in refused.reason) == (
        "error",
        True,
    )


def test_a_limit_or_a_pool_of_its_own_asks_for_all() -> None:
    night = load_scenarios()["overnight-outage"]
    door = load_doors()["prefect-deploy"]
    assert night.sample_through(door) == night.sample > 0
    assert night.with_schedules((), "1").sample_through(door) == 0
    assert all(night.sample_through(one) == 0 for one in load_doors().values() if one.own_pool)
