"""The promise that a schedule that was stopped has no run to come."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plain import Line, ask
from tests.unit.promised import (
    AFTER,
    AHEAD,
    BEFORE,
    DRAINED,
    EARLY,
    LATE,
    ONE,
    OTHER_RULE,
    TWO,
    deployment,
    key,
    outcome,
    reason,
    run,
    schedule,
    trial,
)

OFF: dict[str, Any] = {"schedules": [schedule(active=False)]}
STOPPED: dict[str, Line] = {
    "its deployment is paused": {"paused": True},
    "its schedule is switched off": OFF,
    "its schedule is gone": {"schedules": []},
}


def after(*runs: Line, when: str = AFTER, was: Line | None = None, listed: bool = False, **read: Any) -> list[Line]:
    """A trial with these runs after its door.

    read  the treated deployment by when, or what it is after the door; and the proof
    """
    seen: dict[str, Line] = {name: read.pop(name) for name in ("between", "drained") if name in read}
    proof = read.pop("proof", None)
    treated = {"before": was or deployment(), "after": deployment(**read), **seen}
    more = {when: runs}
    more.update({BEFORE: runs} if listed else {})
    return trial(treated=treated, runs=more, proof=proof)


@pytest.mark.rule(
    "unwanted-none-is-to-run",
    "If no schedule is to make runs, each run of the scheduler's that lies ahead is unwanted.",
)
@pytest.mark.rule("unwanted-paused", "A schedule of a paused deployment is to make no runs.")
@pytest.mark.parametrize("why", STOPPED)
@pytest.mark.parametrize("listed", [True, False])
def test_a_run_that_lay_ahead_and_is_left_or_made_all_the_same_breaks_it(why: str, listed: bool) -> None:
    assert outcome("unwanted", after(**STOPPED[why])) == "held"
    of_none = run("r", idempotency_key=key("2030-01-01"))  # as before 3.2.2
    said = ask("unwanted", after(of_none, listed=listed, **STOPPED[why]))
    assert said and (said.outcome, said.breaches[0].run, said.breaches[0].at) == ("broken", "r", AHEAD)
    how = "was left behind" if listed else "was made"
    assert said.reason == f"run r {how} for a time after the door, and is Scheduled after the door, though {why}"


def test_where_nothing_was_stopped_there_is_nothing_to_look_at() -> None:
    assert outcome("unwanted", after(run("r"))) == "nothing"
    assert outcome("unwanted", after(run("r"), was=deployment(**OFF), **OFF)) == "nothing"
    assert outcome("unwanted", after(run("r"), deleted=True)) == "nothing"


@pytest.mark.rule("unwanted-lay-ahead", "A run that was overdue as the door was answered is wanted.")
def test_a_run_that_was_overdue_is_wanted() -> None:
    assert outcome("unwanted", after(run("r", expected_start_time="2030-01-01T00:00:20Z"), **OFF)) == "held"


@pytest.mark.rule("unwanted-not-by-hand", "A run that a person created is wanted.")
def test_a_run_that_a_person_made_is_wanted() -> None:
    assert outcome("unwanted", after(run("r", auto_scheduled=False), **OFF)) == "held"


@pytest.mark.rule("unwanted-not-picked-up", "A run that a worker had picked up before the door is wanted.")
def test_a_run_that_a_worker_had_picked_up_goes_on() -> None:
    def picked_up(at: str) -> Line:
        states = [{"id": "r-1", "type": "PENDING", "name": "Pending", "timestamp": at}]
        return run("r", state_type="PENDING", state_name="Pending", states=states)

    lines = after(picked_up(EARLY), when=DRAINED, drained=deployment(**OFF), **OFF)
    assert outcome("unwanted", lines) == "held"
    assert outcome("unwanted", after(picked_up(LATE), when=DRAINED, drained=deployment(**OFF), **OFF)) == "broken"
    assert outcome("unwanted", after(run("r", state_type="CANCELLED", state_name="Cancelled"), **OFF)) == "held"


@pytest.mark.rule("unwanted-of-its-schedule", "Of several schedules, the run of one that was stopped is unwanted.")
def test_of_several_schedules_the_run_of_the_one_that_was_stopped_is_unwanted() -> None:
    two = deployment(schedules=[schedule(ONE), schedule(TWO, schedule=OTHER_RULE)])
    left = [schedule(ONE, active=False), schedule(TWO, schedule=OTHER_RULE)]
    for made_by, said in ((ONE, "broken"), (TWO, "held"), ("2030-01-01", "held")):
        lines = after(run("r", idempotency_key=key(made_by)), was=two, schedules=left)
        assert outcome("unwanted", lines) == said, made_by


@pytest.mark.rule("schedule-by-the-servers-word", "Which schedule made a run is what the server says, before its key.")
def test_a_run_whose_key_names_no_schedule_is_that_of_the_one_that_the_server_names() -> None:
    two = deployment(schedules=[schedule(ONE), schedule(TWO, schedule=OTHER_RULE)])
    left = [schedule(ONE, active=False), schedule(TWO, schedule=OTHER_RULE)]
    for made_by, said in ((ONE, "broken"), (TWO, "held"), (None, "held")):  # from 3.2.2 on the key names it, too
        lines = after(run("r", idempotency_key=key("2030-01-01"), schedule_id=made_by), was=two, schedules=left)
        assert outcome("unwanted", lines) == said, made_by


def test_a_schedule_that_a_deploy_made_anew_goes_on() -> None:
    assert outcome("unwanted", after(run("r"), schedules=[schedule(TWO)])) == "nothing"


@pytest.mark.rule("unwanted-emptied", "Where a deploy was to leave no schedule, no run is to come, whatever it left.")
def test_a_schedule_that_an_empty_list_did_not_remove_has_no_run_to_come() -> None:
    asks = [{"field": "schedules", "how": "becomes", "value": []}]
    proof = {"by": "nonce", "requests": [], "effects": [], "asks": asks}
    lines = after(run("r"), proof=proof)
    assert outcome("unwanted", lines) == "broken"
    assert reason("unwanted", lines).endswith("though the deploy was to leave no schedule")
    assert outcome("unwanted", after(proof=proof, schedules=[])) == "held"


@pytest.mark.rule(
    "unwanted-switched-off-before", "A schedule that was switched off before the last step is to make no runs."
)
def test_a_schedule_that_the_last_step_switched_on_has_no_run_to_come() -> None:
    lines = after(run("r"), between=deployment(**OFF), schedules=[schedule(TWO)])
    assert outcome("unwanted", lines) == "broken"
    assert reason("unwanted", lines).endswith("though its schedule had been switched off")
    assert outcome("unwanted", after(run("r"), between=deployment(paused=True))) == "broken"
    assert outcome("unwanted", after(run("r"), between=deployment())) == "nothing"


@pytest.mark.rule("unwanted-while-it-is-off", "What was switched on again after the door says nothing of the door.")
def test_after_the_drain_a_run_counts_only_if_the_deployment_was_left_as_it_was() -> None:
    late: dict[str, Any] = {"when": DRAINED, **OFF}
    assert outcome("unwanted", after(run("r"), drained=deployment(**OFF), **late)) == "broken"
    assert outcome("unwanted", after(run("r"), drained=deployment(), **late)) == "held"
    assert outcome("unwanted", after(run("r"), **late)) == "held"
