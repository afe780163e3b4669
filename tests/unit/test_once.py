"""The promise that no run is executed more than once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plain import Line, ask
from tests.unit.stories import STORIES, whole_history

SOUND = ("completed",) * 3
TWICE = ("executed twice", "completed", "completed")


def outcome(lines: list[Line]) -> str:
    said = ask("once", lines)
    assert said is not None
    return said.outcome


def changed(lines: list[Line], kind: str, **of: Any) -> Line:
    """The last line of a kind that has these values."""
    return next(line for line in reversed(lines) if line["kind"] == kind and of.items() <= line.items())


@pytest.mark.rule(
    "once-a-second-execution", "A run that was executed twice breaks the promise that it is executed once."
)
def test_a_run_that_was_executed_twice_breaks_it_and_is_named() -> None:
    assert outcome(whole_history(SOUND, SOUND)) == "held"
    said = ask("once", whole_history(TWICE, SOUND))
    assert said and (said.outcome, [breach.run for breach in said.breaches]) == ("broken", ["treated-run-0"])
    assert said.reason == "run treated-run-0 was executed 2 times in 1 try"


def test_it_is_broken_whatever_became_of_the_run_and_of_runs_that_were_not_at_risk() -> None:
    assert outcome(whole_history(("failed twice", "completed", "completed"), SOUND)) == "broken"
    lines = whole_history(SOUND, SOUND)
    marks = changed(lines, "executions", when="after the drain")["executions"]
    marks += [{**marks[0], "run": "treated-run-1", "process": 2}]
    assert outcome(lines) == "broken"


@pytest.mark.rule("once-a-retry-is-none", "A retry is no second execution of a try.")
def test_a_retry_is_an_execution_of_its_own() -> None:
    lines = whole_history(TWICE, SOUND)
    states = changed(lines, "states", when="after the drain", run="treated-run-0")["states"]
    retry = {"id": "r", "type": "SCHEDULED", "name": "AwaitingRetry", "timestamp": "2030-01-01T00:00:30.7Z"}
    states.insert(-1, retry)
    assert outcome(lines) == "held"
    marks = changed(lines, "executions", when="after the drain")["executions"]
    marks += [{**mark, "process": 3} for mark in marks if mark["run"] == "treated-run-0"][:1]
    said = ask("once", lines)
    assert said and said.reason == "run treated-run-0 was executed 2 times in try 1 of 2"


@pytest.mark.rule("once-in-its-own-try", "A retry that was never executed makes up for no execution in another try.")
@pytest.mark.parametrize(
    ("retries", "said"),
    [
        (["29.5"], "2 times in try 2 of 2"),  # nothing ran in the first try, and its process and a worker in the second
        (["32"], "2 times in try 1 of 2"),  # two processes took it, and its retry never ran
        (["30.5", "32"], ""),
        (["29.5", "32"], "2 times in try 2 of 3"),
    ],
)
def test_two_executions_in_one_try_break_it_though_another_try_has_none(retries: list[str], said: str) -> None:
    lines = whole_history(TWICE, SOUND)  # the marks of its two executions begin at 30 and 31 s
    states = changed(lines, "states", when="after the drain", run="treated-run-0")["states"]
    states += [
        {"id": at, "type": "SCHEDULED", "name": "AwaitingRetry", "timestamp": f"2030-01-01T00:00:{at}Z"}
        for at in retries
    ]
    promise = ask("once", lines)
    assert promise and promise.outcome == ("broken" if said else "held")
    assert not said or promise.reason == f"run treated-run-0 was executed {said}"


@pytest.mark.rule("once-tries-by-its-states", "A run whose states are not known breaks no promise by its executions.")
def test_a_run_whose_states_went_with_it_says_nothing() -> None:
    lines = whole_history(TWICE, SOUND)
    changed(lines, "states", when="after the drain", run="treated-run-0")["states"] = []
    assert outcome(lines) == "inconclusive"


@pytest.mark.rule("once-not-by-a-dying-worker", "An execution more says nothing if a worker had ended meanwhile.")
@pytest.mark.rule("promise-doubt", "A promise of which it cannot be told whether it is broken is inconclusive.")
def test_what_a_worker_had_taken_as_it_ended_may_run_twice() -> None:
    lines = whole_history(TWICE, SOUND)
    at = next(number for number, line in enumerate(lines) if line["kind"] == "drained")
    lines.insert(at, {"at": lines[at]["at"], "kind": "worker-restarted", "text": "it had ended", "log": ""})
    assert outcome(lines) == "inconclusive"


def test_a_history_without_marks_has_nothing_to_look_at() -> None:
    lines = [line for line in whole_history(SOUND, SOUND) if line["kind"] not in ("executions", "bystanders")]
    lines[0]["schema"] = 3
    assert ask("once", lines) is None


def test_the_stories_that_tell_of_two_executions_are_those_that_break_it() -> None:
    for word, story in STORIES.items():
        said = ask("once", whole_history((word, *SOUND), SOUND))
        assert said is not None
        told = bool(story.drained[-1].get("state_type"))
        assert (said.outcome == "broken") is (story.times > 1 and told), word


def test_a_run_that_was_running_at_the_door_and_is_executed_again_breaks_it() -> None:
    lines = whole_history(SOUND, SOUND)
    earlier = changed(lines, "executions", when="before the door")["executions"]
    marks = changed(lines, "executions", when="after the drain")["executions"]
    holder = next(mark for mark in earlier if mark["run"] == "treated-holder")
    assert holder in marks
    of_another = changed(lines, "states", when="after the drain", run="treated-run-0")
    changed(lines, "states", when="after the drain", run="treated-holder")["states"] = of_another["states"]
    assert outcome(lines) == "held"
    marks += [{**holder, "process": 77, "began": "2030-01-01T00:00:29.5Z"}]
    said = ask("once", lines)
    assert said and (said.outcome, [breach.run for breach in said.breaches]) == ("broken", ["treated-holder"])
