"""The promise that a run has the parameters of its schedule, over those of its deployment."""

from __future__ import annotations

import pytest

from tests.unit.plain import Line, ask
from tests.unit.promised import (
    AFTER,
    BEFORE,
    DRAINED,
    EARLY,
    LATE,
    ONE,
    TWO,
    deployment,
    key,
    outcome,
    reason,
    run,
    schedule,
    trial,
)

OF_DEPLOYMENT, OF_SCHEDULE = {"note": "deployment's", "more": 1}, {"note": "schedule's"}
OVER = {**OF_DEPLOYMENT, **OF_SCHEDULE}


def with_runs(*runs: Line, when: str = BEFORE, after: Line | None = None) -> list[Line]:
    """A trial whose deployment and schedule have parameters, and these runs."""
    both = deployment(parameters=OF_DEPLOYMENT, schedules=[schedule(parameters=OF_SCHEDULE)])
    return trial(
        treated={"before": both, "after": after or both}, twin={"before": both, "after": both}, runs={when: runs}
    )


@pytest.mark.rule("parameters-schedule-over-deployment", "A schedule's parameters come over those of its deployment.")
def test_a_run_has_the_parameters_of_its_schedule_over_those_of_its_deployment() -> None:
    assert outcome("parameters", with_runs(run("r", parameters=OVER))) == "held"
    said = ask("parameters", with_runs(run("r", parameters=OF_DEPLOYMENT)))
    assert said and (said.outcome, said.breaches[0].run) == ("broken", "r")
    assert said.reason == f"run r has the parameters {OF_DEPLOYMENT!r} before the door, and its schedule names {OVER!r}"


@pytest.mark.rule(
    "parameters-of-its-schedule", "A run has the parameters of the schedule that made it, not of another."
)
@pytest.mark.rule("schedule-by-its-key", "The key that keeps a run from being made twice says which schedule made it.")
def test_of_several_schedules_the_one_that_made_the_run_counts() -> None:
    two = deployment(schedules=[schedule(ONE, parameters={"n": 1}), schedule(TWO, parameters={"n": 2})])
    for parameters, made_by, said in (
        ({"n": 1}, ONE, "held"), ({"n": 2}, ONE, "broken"), ({"n": 2}, TWO, "held"), ({"n": 2}, "2030-01-01", "held"),
        ({"n": 3}, "2030-01-01", "broken"),
    ):  # fmt: skip
        one = run("r", parameters=parameters, idempotency_key=key(made_by))
        assert outcome("parameters", trial(treated={"before": two, "after": two}, runs={BEFORE: [one]})) == said


@pytest.mark.rule("parameters-made-before", "A run that was made before the door has the parameters of that time.")
@pytest.mark.rule("parameters-made-after", "A run that was made after the door has the parameters of that time.")
@pytest.mark.parametrize(
    ("created", "parameters", "said"),
    [
        (EARLY, OVER, "held"),
        (EARLY, {"note": "new"}, "broken"),
        (LATE, {"note": "new"}, "held"),
        (LATE, OVER, "broken"),
        ("2030-01-01T00:00:20Z", OVER, "held"),
        ("2030-01-01T00:00:20Z", {"note": "new"}, "held"),
        ("2030-01-01T00:00:20Z", {}, "broken"),
    ],
)
def test_what_a_run_has_is_held_against_the_deployment_as_it_was_when_it_was_made(
    created: str, parameters: Line, said: str
) -> None:
    after = deployment(parameters={"note": "new"}, schedules=[schedule()])
    lines = with_runs(run("r", created=created, parameters=parameters), when=DRAINED, after=after)
    at = next(number for number, line in enumerate(lines) if line["kind"] == "door-opens")
    clock = {"kind": "clock", "when": BEFORE, "server": "2030-01-01T00:00:19Z", "asked": 1.0, "answered": 1.1}
    lines.insert(at, {"at": lines[at]["at"], **clock})
    assert outcome("parameters", lines) == said


@pytest.mark.rule("parameters-of-the-scheduler", "A run that a person made has that person's parameters.")
def test_a_run_that_a_person_made_has_their_parameters() -> None:
    assert outcome("parameters", with_runs(run("r", parameters={"own": 1}, auto_scheduled=False))) == "nothing"


@pytest.mark.rule(
    "parameters-not-of-old-histories", "A history that does not say when runs were made says nothing of parameters."
)
def test_an_old_history_has_nothing_to_look_at() -> None:
    assert outcome("parameters", with_runs(run("r", parameters={"own": 1}, created=None))) == "nothing"


def test_a_run_that_is_given_others_later_breaks_it_and_one_of_the_twin_forbids_a_verdict() -> None:
    assert "after the door" in reason("parameters", with_runs(run("r", parameters={}), when=AFTER))
    assert outcome("parameters", with_runs(run("r", parameters={}), run("s", "twin", parameters={}))) == "inconclusive"


def test_a_schedule_that_is_gone_names_nothing() -> None:
    lines = with_runs(run("r", parameters={}, created=LATE), when=DRAINED, after=deployment(schedules=[schedule(TWO)]))
    assert outcome("parameters", lines) == "nothing"
