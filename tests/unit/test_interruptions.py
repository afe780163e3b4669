"""The promises of a plan whose server is interrupted: it comes back, and what it answered is still so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plain import Line, ask, judge
from tests.unit.promised import deployment, outcome, reason, run, trial

BROKE = {"kind": "error", "phase": "steps", "reason": "the server's health: not within 300 s"}
GONE = {"status": 404, "body": {"detail": "Flow run not found"}}
RUN = run("r", state_name="Late", state_type="SCHEDULED")
AS_IT_WAS = {**deployment(), "id": "d", "name": "plan-1--a"}


def came_back(*, ready: bool = True, seconds: float = 1.2) -> Line:
    facts = {"of": "server", "fault": "server-killed", "within": 300, "reason": "" if ready else "no healthy answer"}
    return {"kind": "came-back", "ready": ready, "seconds": seconds, **facts}


def read(when: str, *runs: Line, of: Line | None = None, **more: Any) -> Line:
    facts = {"deployments": [of or AS_IT_WAS], "runs": list(runs)}
    return {"kind": "read-back", "when": when, "fault": "server-killed", **facts, **more}


def told(*events: Line, ended: bool = True) -> list[Line]:
    """A trial in which this happened before its drain."""
    lines = trial()
    place = next(number for number, line in enumerate(lines) if line["kind"] == "lifted")
    at = lines[place]["at"]
    told = [{"at": at, **event} for event in events]
    return [*lines[:place], *told, *(lines[place:] if ended else [{"at": at, **BROKE}])]


def interrupted(after: Line, before: Line | None = None) -> list[Line]:
    return told(before or read("before", RUN), came_back(), after)


@pytest.mark.rule("comeback-in-time", "A server that is not ready again in its time breaks the promise.")
@pytest.mark.rule("comeback-is-seen", "A trial that was cut short says nothing of a server that came back so far.")
@pytest.mark.rule("promise-stands", "That a server does not come back is said though the trial has no verdict.")
def test_a_server_comes_back_or_does_not() -> None:
    before, after = read("before", RUN), read("after", RUN)
    assert ask("comeback", trial()) is None
    kept = told(before, came_back(), after, before, came_back(seconds=31.24), after)
    assert reason("comeback", kept) == "the server was ready again each of 2 times, after 31.2 s at the most"
    gone = told(before, came_back(), after, before, came_back(ready=False), ended=False)
    verdict = judge(gone)
    assert verdict.outcome == "error"
    assert {name: promise.outcome for name, promise in verdict.promises.items() if promise.outcome == "broken"} == {
        "comeback": "broken"
    }
    said = "the server was not ready within 300 s after server-killed: no healthy answer"
    assert verdict.promises["comeback"].reason == said
    assert outcome("comeback", told(before, ended=False)) == "inconclusive"
    assert outcome("comeback", told(before, came_back(), ended=False)) == "inconclusive"
    assert outcome("comeback", [*kept, {"kind": "unheard of", "at": ""}]) == "inconclusive"


@pytest.mark.rule("durable-gone-for-good", "A run is gone after an interruption only if it is looked up in vain twice.")
@pytest.mark.rule("durable-untold-is-unknown", "A run of which nothing tells what became of it is unknown.")
@pytest.mark.rule("durable-is-read-back", "Without a reading after an interruption nothing is known of what it left.")
@pytest.mark.rule("promise-shared", "What hits both sides alike has no control: a breach of either counts.")
def test_a_run_that_was_read_before_an_interruption_is_there_after_it() -> None:
    assert ask("durable", trial()) is None
    assert outcome("durable", interrupted(read("after", RUN))) == "held"
    lost = read("after", answers=2 * [{"run": "r", **GONE}])
    assert outcome("durable", interrupted(lost)) == "broken"
    assert reason("durable", interrupted(lost)) == "run r was Late before server-killed, and is gone after it"
    twin = read("before", {**RUN, "side": "twin"})
    assert outcome("durable", interrupted(lost, twin)) == "broken", "the twin is no control of it"
    once = [{"run": "r", **GONE}, {"run": "r", "status": 500, "body": "busy"}]
    for answers in (once, once[:1], []):
        assert outcome("durable", interrupted(read("after", answers=answers))) == "inconclusive"
    assert outcome("durable", interrupted(read("after", answers=[{**RUN, "status": 200}]))) == "held"
    assert outcome("durable", told(read("before", RUN), came_back())) == "inconclusive"
    assert outcome("durable", told(came_back(), read("after", RUN))) == "inconclusive"
    two = told(read("before", RUN), came_back(), lost, read("before"), came_back(), read("after"))
    assert outcome("durable", two) == "broken", "by the first of two"


def test_a_run_that_was_created_just_before_is_there_after_it() -> None:
    created = read("before", RUN, created=["new"])
    assert outcome("durable", interrupted(read("after", RUN, run("new")), created)) == "held"
    gone = read("after", RUN, answers=2 * [{"run": "new", **GONE}])
    assert reason("durable", interrupted(gone, created)) == (
        "run new was created before server-killed, and is gone after it"
    )
    assert outcome("durable", interrupted(read("after", RUN), created)) == "inconclusive"


@pytest.mark.rule("durable-same-run", "A run is the same after an interruption, in all that it is going to execute.")
@pytest.mark.rule("durable-states-stay", "A run may move on after an interruption, and keeps the states that it had.")
def test_a_run_is_the_same_after_an_interruption_and_may_have_moved_on() -> None:
    running = {**RUN, "state_id": "another", "state_name": "Running", "state_type": "RUNNING"}
    assert outcome("durable", interrupted(read("after", running, states={"r": ["r-1", "another"]}))) == "held"
    assert reason("durable", interrupted(read("after", running, states={"r": ["another"]}))) == (
        "run r was Late, and that is none of its states after server-killed"
    )
    for field, value in (("parameters", {"note": "x"}), ("tags", ["x"]), ("name", "x"), ("deployment_id", None)):
        assert outcome("durable", interrupted(read("after", {**RUN, field: value}))) == "broken", field
    same = {**RUN, "expected_start_time": "2030-01-01T01:01:00+01:00"}
    assert outcome("durable", interrupted(read("after", same))) == "held"
    assert outcome("durable", interrupted(read("after", {**RUN, "expected_start_time": RUN["created"]}))) == "broken"


@pytest.mark.rule("durable-deployment-is-there", "A deployment that was read before an interruption is there after it.")
@pytest.mark.rule("durable-same-deployment", "An interruption changes nothing of a deployment.")
def test_a_deployment_is_the_same_after_an_interruption() -> None:
    assert outcome("durable", interrupted(read("after", RUN, of={**AS_IT_WAS, "updated": "later"}))) == "held"
    for field, value in (("description", "x"), ("paused", True), ("schedules", [])):
        said = reason("durable", interrupted(read("after", RUN, of={**AS_IT_WAS, field: value})))
        assert said.startswith(f"the {field} of deployment plan-1--a was"), said
    gone = "deployment plan-1--a was there before server-killed, and is gone after it"
    assert reason("durable", interrupted(read("after", RUN, of={"id": "d", "deleted": True}))) == gone
    assert reason("durable", interrupted(read("after", RUN, of={**AS_IT_WAS, "id": "e"}))) == gone
