"""The fate of each run at risk, and the counts, from whole histories (docs/verdicts.md)."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from harness.checkers._findings import Findings
from harness.checkers._runs import has_completed
from harness.evidence.door_sections import runs_table
from harness.words.facts import FlowRun, RunState
from tests.unit.plain import Line, check_survival, judge
from tests.unit.stories import (
    ANSWERED_AT,
    CANCELLED,
    GONE,
    LATE,
    LATE_ID,
    RESCHEDULED,
    STATE,
    STORIES,
    run_id,
    whole_history,
)

WHOLE = ("completed",) * 3
RELABELLED = "completed, then called crashed"


def found(*treated: str, twin: tuple[str, ...] = WHOLE) -> Findings:
    """The findings of a history with these stories."""
    return check_survival(whole_history(treated, twin), state=STATE)


def one_look(events: list[Line], when: str) -> Line:
    """The look of this name."""
    (look,) = (event for event in events if event["kind"] == "look" and event["when"] == when)
    return look


@pytest.mark.rule("kept-same-state-name", "A kept run is in the state that it was listed in.")
@pytest.mark.rule("altered-cancelled", "A run that was cancelled is altered.")
@pytest.mark.rule(
    "completed-whatever-later", "A run that completed has completed, whatever state it is given after that."
)
@pytest.mark.rule(
    "completed-not-crashed-later", "A run that completed, was put back and then crashed has not completed."
)
@pytest.mark.rule("stranded-never-ran", "A run that ran is not stranded.")
@pytest.mark.parametrize("word", [word for word, story in STORIES.items() if story.fate])
def test_each_story_has_its_fate_while_the_whole_twin_completes(word: str) -> None:
    findings = found(word, "completed", "completed")
    fate = next(fate for fate in findings.fates if fate.run == run_id("treated", 0))
    story = STORIES[word]
    assert fate.fate == (story.whole_twin or story.fate)
    assert fate.completed == story.completed
    assert fate.stranded == story.stranded
    assert (fate.recreated is not None) == story.recreated


@pytest.mark.rule(
    "altered-twin-relabelled",
    "A run that ended otherwise is not altered while the state of a twin's completed run was changed too.",
)
@pytest.mark.parametrize("of_twin", ["failed", RELABELLED])
@pytest.mark.parametrize("word", [word for word, story in STORIES.items() if story.whole_twin])
def test_a_run_that_ended_otherwise_is_not_altered_while_one_of_the_twin_did_too(word: str, of_twin: str) -> None:
    findings = found(word, "completed", "completed", twin=("completed", "completed", of_twin))
    assert findings.fates[0].fate == STORIES[word].fate
    assert findings.treated.altered == 0


def test_a_run_that_had_left_the_state_a_moment_before_the_answer_is_not_at_risk() -> None:
    findings = found("picked up before the door was answered", "completed", "completed")
    assert [fate.run for fate in findings.fates if fate.side == "treated"] == [run_id("treated", n) for n in (1, 2)]


def test_a_run_that_left_the_state_a_moment_after_the_answer_is_at_risk() -> None:
    assert found("picked up, completed", "completed").treated.at_risk == 2


@pytest.mark.rule(
    "at-risk-listed-before",
    "The state that a run was listed in came before the door, even if the answer's time is cut to the second.",
)
def test_a_run_that_was_listed_in_the_state_is_at_risk_though_the_answers_time_is_cut_to_an_earlier_second() -> None:
    events = whole_history(WHOLE, WHOLE)
    for event in events:
        if event["kind"] == "door":
            event["answered_at"] = "2030-01-01T00:00:00Z"  # the states are of 1 and 10.25 s
    assert check_survival(events, state=STATE).treated.at_risk == 3


def test_times_with_and_without_a_fraction_or_an_offset_are_compared_as_instants() -> None:
    events = whole_history(WHOLE, WHOLE)
    for event in events:
        if event["kind"] == "states":
            event["states"] = [
                {"type": "SCHEDULED", "name": "Scheduled", "timestamp": "2030-01-01T00:00:19.9+00:00"},
                {"id": LATE_ID, "type": "SCHEDULED", "name": STATE, "timestamp": "2030-01-01T00:00:20Z"},
                {"type": "RUNNING", "name": "Running", "timestamp": "2030-01-01 00:00:20.6Z"},
            ]
    assert check_survival(events, state=STATE).treated.at_risk == 3
    for event in events:
        if event["kind"] == "states":
            event["states"][-1]["timestamp"] = "2030-01-01T00:00:20Z"  # half a second before the answer
    assert check_survival(events, state=STATE).treated.at_risk == 0


def test_a_run_that_is_there_but_whose_states_the_server_does_not_show_has_no_fate() -> None:
    events = whole_history(WHOLE, WHOLE)
    for event in events:
        if event["kind"] == "states" and event["side"] == "treated":
            event["states"] = []
    treated = check_survival(events, state=STATE).treated
    assert (treated.at_risk, treated.unknown) == (3, 3)


def test_a_run_that_went_after_the_look_and_before_its_states_were_read_is_lost() -> None:
    events = whole_history(("lost in the drain", "completed", "completed", "completed"), WHOLE)
    states_of(events, 0).clear()
    assert check_survival(events, state=STATE).treated.lost == 1
    assert judge(events).outcome == "lost"


def test_the_last_listing_speaks_for_a_run_whose_states_went_with_it() -> None:
    events = whole_history(("lost", "completed", "completed"), WHOLE)
    assert check_survival(events, state=STATE).treated.lost == 1
    for event in events:
        if event["kind"] == "listing" and event["when"] == "before the door":
            for run in event["runs"]:
                run["state_name"] = "Running" if run["run"] == run_id("treated", 0) else run["state_name"]
    findings = check_survival(events, state=STATE)
    assert (findings.treated.at_risk, findings.treated.lost) == (2, 0)


@pytest.mark.rule("kept-new-state-id", "A run with a new state id, and nothing else new, is kept.")
def test_a_new_state_id_or_time_is_no_change() -> None:
    events = whole_history(WHOLE, WHOLE)
    for answer in one_look(events, "after the door")["answers"]:
        answer |= {"state_id": "new", "state_timestamp": "2030-01-01T00:00:40Z"}
    assert check_survival(events, state=STATE).treated.kept == 3


@pytest.mark.rule("kept-slot-reschedules", "A run that waits for a slot and is given another time is kept.")
@pytest.mark.parametrize(("state", "altered"), [("AwaitingConcurrencySlot", 0), ("AwaitingRetry", 3)])
def test_another_next_start_is_a_change_unless_a_run_waits_for_a_slot(state: str, altered: int) -> None:
    events = in_state(state)
    for answer in one_look(events, "after the door")["answers"]:
        if answer["side"] == "treated":
            answer["next_scheduled_start_time"] = "2030-01-01T00:01:00Z"
    findings = check_survival(events, state=state)
    assert (findings.treated.altered, findings.treated.kept) == (altered, 3 - altered)


def test_a_run_that_waits_for_a_slot_and_turns_late_is_kept() -> None:
    events = in_state("AwaitingConcurrencySlot")
    for answer in one_look(events, "after the door")["answers"]:
        answer["state_name"] = "Late"
    assert check_survival(events, state="AwaitingConcurrencySlot").treated.kept == 3


def in_state(state: str) -> list[Line]:
    """A sound history of runs at risk in another state than Late."""
    return json.loads(json.dumps(whole_history(WHOLE, WHOLE)).replace('"Late"', json.dumps(state)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("word", [word for word, story in STORIES.items() if story.fate])
def test_a_state_type_of_their_own_for_runs_that_wait_changes_no_fate(word: str) -> None:
    events = whole_history((word, "completed", "completed"), WHOLE)
    renamed = json.loads(json.dumps(events).replace('"SCHEDULED"', '"WAITING"'))
    fates = json.dumps(asdict(check_survival(events, state=STATE))).replace('"SCHEDULED"', '"WAITING"')
    assert json.dumps(asdict(check_survival(renamed, state=STATE))) == fates


@pytest.mark.rule("waits-by-either-type", "A run waits whose state is of the type SCHEDULED, or WAITING.")
def test_a_run_that_waits_by_its_state_type_may_be_late_or_given_another_time() -> None:
    for state, altered in (("AwaitingConcurrencySlot", 0), ("AwaitingRetry", 3)):
        events = json.loads(json.dumps(in_state(state)).replace('"SCHEDULED"', '"WAITING"'))
        for answer in one_look(events, "after the door")["answers"]:
            if answer["side"] == "treated":
                answer["next_scheduled_start_time"] = "2030-01-01T00:01:00Z"
        assert check_survival(events, state=state).treated.altered == altered
    late = json.loads(json.dumps(in_state("Scheduled")))
    for answer in one_look(late, "after the door")["answers"]:
        answer |= {"state_type": "WAITING", "state_name": "Late"}
    assert check_survival(late, state="Scheduled").treated.kept == 3


@pytest.mark.rule("kept-same-instant", "One time that is written in two ways is no change.")
def test_one_time_written_in_two_ways_is_no_change() -> None:
    events = whole_history(WHOLE, WHOLE)
    for answer in one_look(events, "after the drain")["answers"]:
        time = answer["expected_start_time"]
        answer["expected_start_time"] = time.replace("T00", "T02").replace("Z", ".000+02:00")
        answer["state_timestamp"] = answer["state_timestamp"].replace("T00", "T02").replace("Z", "+02:00")
    treated = check_survival(events, state=STATE).treated
    assert (treated.kept, treated.completed) == (3, 3)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((key, "changed") for key in ("name", "flow_id", "deployment_id", "work_queue_name", "idempotency_key")),
        *((key, {"changed": 1}) for key in ("parameters", "job_variables")),
        ("tags", ["changed"]),
        ("expected_start_time", "changed"),
    ],
)
@pytest.mark.parametrize("when", ["after the door", "after the drain"])
def test_a_change_of_what_a_run_is_makes_it_altered_at_either_look(key: str, value: object, when: str) -> None:
    events = whole_history(WHOLE, WHOLE)
    [answer for answer in one_look(events, when)["answers"] if answer["side"] == "treated"][-1][key] = value
    findings = check_survival(events, state=STATE)
    assert (findings.treated.altered, findings.treated.kept) == (1, 2)
    assert f"{value!r} {when}" in findings.fates[2].why


def states_of(events: list[Line], number: int) -> list[dict[str, Any]]:
    """The state history of a treated run as it was after the door, to be written over."""
    read = [event for event in events if event["kind"] == "states" and event["when"] == "after the door"]
    (found,) = (event for event in read if event["run"] == run_id("treated", number))
    states: list[dict[str, Any]] = found["states"]
    return states


@pytest.mark.rule(
    "at-risk-just-before-the-answer", "What the door did a moment before its answer was seen counts as the door's."
)
@pytest.mark.rule(
    "at-risk-not-begun",
    "A run that was listed at risk and had not begun was at risk, whatever the door did to it before its answer.",
)
@pytest.mark.parametrize("marked", [True, False])  # where flows left no marks, the states alone say what was at risk
@pytest.mark.parametrize("state", [CANCELLED, RESCHEDULED])
def test_a_run_that_the_door_changed_before_its_answer_was_seen_was_at_risk_all_the_same(
    state: dict[str, Any], marked: bool
) -> None:
    events = whole_history(("cancelled", "completed", "completed", "completed"), WHOLE)
    events = events if marked else without_marks(events)
    facts = {"id": "x", "type": state["state_type"], "name": state["state_name"], "timestamp": ANSWERED_AT}
    states_of(events, 0).append(facts)
    findings = check_survival(events, state=STATE)
    assert (findings.treated.at_risk, findings.treated.altered) == (4, 1)


def without_marks(events: list[Line]) -> list[Line]:
    """What a harness wrote before flows left marks: the states alone say which runs were at risk."""
    return [event for event in events if event["kind"] != "executions"]


@pytest.mark.rule(
    "at-risk-by-the-listing-if-gone", "A run that is gone was at risk if the last listing before the door shows it so."
)
def test_a_run_that_is_gone_was_at_risk_by_the_last_listing() -> None:
    findings = check_survival(without_marks(whole_history(("lost", "completed", "completed"), WHOLE)), state=STATE)
    assert (findings.treated.at_risk, findings.treated.lost) == (3, 1)


@pytest.mark.rule(
    "at-risk-by-the-listing-if-replaced", "A run with another past than the one listed was at risk by the listing."
)
def test_a_run_with_another_past_was_at_risk_by_the_last_listing() -> None:
    events = without_marks(whole_history(WHOLE, WHOLE))
    states_of(events, 0)[:] = [{"id": "x", "type": "RUNNING", "name": "Running", "timestamp": ANSWERED_AT}]
    findings = check_survival(events, state=STATE)
    assert (findings.treated.at_risk, findings.treated.altered) == (3, 1)


@pytest.mark.rule("states-were-read", "A run whose state history was never read forbids a verdict.")
def test_a_run_whose_states_were_never_read_after_the_door_forbids_a_verdict() -> None:
    events = whole_history(WHOLE, WHOLE)
    read = ("states", "after the door", run_id("treated", 0))
    left = [event for event in events if (event["kind"], event.get("when"), event.get("run")) != read]
    assert check_survival(left, state=STATE).flaws == [
        f"the state history of run {run_id('treated', 0)} was never read"
    ]
    assert judge(left).outcome == "inconclusive"


@pytest.mark.rule("last-states-are-read", "A history without the last states of its runs was cut short.")
def test_a_history_without_the_last_states_of_one_run_was_cut_short() -> None:
    events = whole_history(WHOLE, WHOLE)
    read = ("states", "after the drain", run_id("treated", 0))
    left = [event for event in events if (event["kind"], event.get("when"), event.get("run")) != read]
    assert len(left) == len(events) - 1
    assert judge(left).outcome == "error"


@pytest.mark.rule("completed-since-listed", "Completed means Running since the run was listed.")
def test_a_run_that_was_running_only_before_it_was_listed_has_not_completed_since() -> None:
    names = ["Running", "AwaitingRetry", "Completed"]
    types = ["RUNNING", "SCHEDULED", "COMPLETED"]
    times = [f"2030-01-01T00:00:0{second}Z" for second in range(3)]
    states = [
        RunState(id=name, type=type_, name=name, timestamp=at)
        for name, type_, at in zip(names, types, times, strict=True)
    ]
    listed = FlowRun(run="x", state_id="AwaitingRetry", state_timestamp=times[1])
    end = FlowRun(run="x", state_type="COMPLETED", state_timestamp=times[2])
    assert has_completed(end, states)
    assert not has_completed(end, states, since=listed)


@pytest.mark.rule("kept-turned-late", "A run that turned Late because its time came is kept.")
def test_a_run_whose_time_passes_between_door_and_look_is_kept() -> None:
    events = whole_history(WHOLE, WHOLE)
    for event in events:
        runs = event.get("runs", []) if event.get("when") == "before the door" else []
        for run in runs:
            run["state_name"] = "Scheduled"
    for number in range(3):
        for state in states_of(events, number):
            state["name"] = "Scheduled"
    findings = check_survival(events, state="Scheduled")
    assert (findings.treated.kept, findings.treated.altered) == (3, 0)
    fates = {fate.run: fate for fate in findings.fates}
    assert fates[run_id("treated", 0)].looks["after the door"] == "Late"


@pytest.mark.rule(
    "stranded-not-held-by-others", "A run that waits for what a run of another trial holds is not stranded."
)
def test_kept_runs_that_wait_for_what_a_run_of_another_trial_holds_are_not_stranded() -> None:
    events = whole_history(("never ran",) * 3, WHOLE)
    assert check_survival(events, state=STATE).treated.stranded == 3
    (drained,) = (event for event in events if event["kind"] == "drained")
    drained["holding"] = 1
    assert check_survival(events, state=STATE).treated.stranded == 0


@pytest.mark.rule("lost-404-twice", "A run is lost only if the server said 404 twice.")
def test_a_404_asked_for_only_once_is_not_lost() -> None:
    events = whole_history(("lost", "completed", "completed"), WHOLE)
    for when in ("after the door", "after the drain"):
        look = one_look(events, when)
        look["answers"].remove(next(a for a in look["answers"] if a["run"] == run_id("treated", 0)))
    findings = check_survival(events, state=STATE)
    assert (findings.treated.lost, findings.treated.unknown) == (0, 1)


@pytest.mark.rule("lost-only-twin-vouches", "It is a run of the twin that has to answer; no other run will do.")
def test_a_404_counts_only_while_a_run_of_the_twin_answers_in_the_same_look() -> None:
    events = whole_history(("lost", "completed", "completed"), WHOLE)
    for when in ("after the door", "after the drain"):
        look = one_look(events, when)
        look["answers"] = [
            {"run": a["run"], "side": "twin", "status": 500, "body": ""} if a["side"] == "twin" else a
            for a in look["answers"]
        ]
    findings = check_survival(events, state=STATE)
    assert (findings.treated.lost, findings.treated.unknown) == (0, 1)


@pytest.mark.rule("no-answer-is-no-fate", "A run with no usable answer after the drain has no fate.")
@pytest.mark.parametrize("answer", [GONE, {"status": 500, "body": ""}])
def test_a_run_with_no_usable_answer_after_the_drain_has_no_fate(answer: dict[str, Any]) -> None:
    events = whole_history(("lost", "completed", "completed"), WHOLE)
    look = one_look(events, "after the drain")
    look["answers"] = [a for a in look["answers"] if a["side"] == "treated"]
    look["answers"] += [{"run": run_id("twin", n), "side": "twin", **answer} for n in (0, 0, 1, 1, 2, 2)]
    findings = check_survival(events, state=STATE)
    assert (findings.twin.kept, findings.twin.unknown) == (0, 3)


@pytest.mark.rule("lost-after-the-door", "A run that is gone right after the door is lost at that look.")
def test_a_lost_run_names_the_look_at_which_it_was_gone() -> None:
    findings = found("lost", "lost in the drain", "completed")
    whys = [fate.why for fate in findings.fates if fate.fate == "lost"]
    assert "twice after the door" in whys[0]
    assert "twice after the drain" in whys[1]


def test_a_run_gone_at_the_first_look_and_there_at_the_last_is_a_flaw() -> None:
    events = whole_history(("lost", "completed", "completed"), WHOLE)
    look = one_look(events, "after the drain")
    look["answers"] = [a for a in look["answers"] if a["run"] != run_id("treated", 0)]
    look["answers"].append({**look["answers"][-1], **LATE, "run": run_id("treated", 0)})
    said = f"run {run_id('treated', 0)} was gone after the door and there again after the drain"
    assert said in check_survival(events, state=STATE).flaws


@pytest.mark.rule("recreated-same-tick", "Only a run of the same tick recreates a lost run.")
@pytest.mark.rule("recreated-same-side", "Only a run of the same side recreates a lost run.")
def test_a_lost_run_is_recreated_only_by_a_new_run_of_its_side_for_its_tick() -> None:
    events = whole_history(("lost", "recreated", "completed"), WHOLE)
    assert check_survival(events, state=STATE).treated.recreated == 1
    for event in events:
        if event["kind"] == "listing" and event["when"] == "after the drain":
            for run in event["runs"]:
                run["side"] = "twin" if run["run"].endswith("-again") else run["side"]
    assert check_survival(events, state=STATE).treated.recreated == 0


@pytest.mark.rule("recreated-new-id", "Only a run under a new id recreates a lost run.")
def test_a_run_that_was_listed_before_the_door_recreates_no_lost_one() -> None:
    events = whole_history(("lost", "completed", "completed"), WHOLE)
    for event in events:
        if event["kind"] == "listing":
            for run in event["runs"]:
                lost_tick = "2030-01-01T00:00:00Z"
                run["expected_start_time"] = lost_tick if run["run"].endswith("holder") else run["expected_start_time"]
    findings = check_survival(events, state=STATE)
    assert (findings.treated.lost, findings.treated.recreated) == (1, 0)


def test_a_history_that_ends_before_the_looks_leaves_every_run_unknown() -> None:
    events = whole_history(WHOLE, WHOLE)
    cut = next(number for number, event in enumerate(events) if event["kind"] == "look")
    findings = check_survival(events[:cut], state=STATE)
    assert asdict(findings.treated) == {**dict.fromkeys(asdict(findings.treated), 0), "at_risk": 3, "unknown": 3}


def test_the_answer_lies_between_the_states_that_the_stories_turn_on() -> None:
    # Without this the two tests of "a moment before" and "a moment after" would show nothing.
    assert "2030-01-01T00:00:20.499999Z" < ANSWERED_AT < "2030-01-01T00:00:20.500001Z"


def test_a_run_that_completed_before_the_door_has_not_completed_since() -> None:
    events = whole_history(("crashed", "completed", "completed"), WHOLE)
    earlier = {"type": "COMPLETED", "name": "Completed", "timestamp": "2030-01-01T00:00:05Z"}
    for event in events:
        if event["kind"] == "states" and event["run"] == run_id("treated", 0):
            event["states"] = [event["states"][0], earlier, *event["states"][1:]]
    findings = check_survival(events, state=STATE)
    assert (findings.fates[0].fate, findings.fates[0].completed) == ("altered", False)


@pytest.mark.rule("completed-not-under-way", "A run that completed and is under way again has not completed.")
def test_a_run_that_completed_and_is_under_way_again_has_not_completed() -> None:
    events = whole_history((RELABELLED, "completed", "completed"), WHOLE)
    answers = one_look(events, "after the drain")["answers"]
    (answer,) = (answer for answer in answers if answer["run"] == run_id("treated", 0))
    answer |= {"state_type": "RUNNING", "state_name": "Running"}
    assert not check_survival(events, state=STATE).fates[0].completed


@pytest.mark.rule("completed-when-last-seen", "What happens to a run after it was last seen does not count.")
def test_what_a_run_is_called_after_it_was_last_seen_does_not_count() -> None:
    events = whole_history(("crashed", "completed", "completed"), WHOLE)
    read = [event for event in events if event["kind"] == "states" and event["when"] == "after the drain"]
    (last,) = (event for event in read if event["run"] == run_id("treated", 0))
    for second, name in enumerate(("Running", "Completed"), start=50):
        last["states"].append({"type": name.upper(), "name": name, "timestamp": f"2030-01-01T00:00:{second}Z"})
    assert not check_survival(events, state=STATE).fates[0].completed


def test_a_relabelled_run_says_so() -> None:
    findings = found(RELABELLED, "completed", "completed")
    assert findings.treated.relabelled == 1
    assert findings.fates[0].why == "Late after the door; it completed, and was called Crashed after that"
    assert "| Crashed, once Completed | 1 | **kept** |" in runs_table(findings.fates)


@pytest.mark.parametrize("deleted", [True, False])
def test_a_run_of_a_deleted_deployment_is_in_no_listing_by_it(deleted: bool) -> None:
    events = whole_history(WHOLE, WHOLE)
    for event in events:
        if event["kind"] == "deployment" and event["side"] == "treated" and event.get("when") == "after":
            event["deployment"]["deleted"] = deleted
        if event["kind"] == "listing":
            mine = {run["run"] for run in event["runs"] if run["side"] == "treated"}
            event["by_deployment"] = [run for run in event.get("by_deployment", []) if run not in mine]
    assert bool(check_survival(events, state=STATE).flaws) is not deleted
