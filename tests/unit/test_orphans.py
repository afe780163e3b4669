"""The promise that no run waits on when its deployment is gone."""

from __future__ import annotations

import json

import pytest

from tests.unit.plain import Line, ask
from tests.unit.stories import run_id, whole_history

WAITING, SOUND = ("never ran",) * 3, ("completed",) * 3
AFTER, DRAINED = "after the door", "after the drain"


def outcome(lines: list[Line]) -> str:
    said = ask("orphans", lines)
    assert said is not None
    return said.outcome


def leave(
    lines: list[Line],
    run: str,
    now: Line | None = None,
    *,
    when: str = AFTER,
    kinds: tuple[str, ...] = ("look", "listing"),
) -> list[Line]:
    """The history with the run as it is `now`, in these sources; by default it names no deployment any more."""
    now = now or {"deployment_id": None}
    for line in lines:
        if line["kind"] in kinds and line["when"] == when:
            runs = line["answers" if line["kind"] == "look" else "runs"]
            runs[:] = [{**one, **now} if one["run"] == run else one for one in runs]
    return lines


def test_a_run_that_keeps_its_deployment_or_goes_with_it_is_no_orphan() -> None:
    for words in (WAITING, SOUND, ("lost",) * 3):
        assert outcome(whole_history(words, SOUND)) == "held"


def test_a_run_that_waits_by_a_state_type_of_its_own_is_an_orphan_all_the_same() -> None:
    lines = json.loads(json.dumps(whole_history(WAITING, SOUND)).replace('"SCHEDULED"', '"WAITING"'))
    assert outcome(leave(lines, run_id("treated", 1))) == "broken"


@pytest.mark.rule("orphan-none-any-more", "A run that waits and names no deployment any more is an orphan.")
@pytest.mark.parametrize("when", [AFTER, DRAINED])
def test_a_run_that_waits_and_names_no_deployment_any_more_breaks_it(when: str) -> None:
    said = ask("orphans", leave(whole_history(WAITING, SOUND), run_id("treated", 1), when=when))
    assert said and said.outcome == "broken"
    assert said.reason == f"run treated-run-1 is Late {when}, and it has no deployment any more"
    assert [(breach.run, breach.at) for breach in said.breaches] == [("treated-run-1", "2030-01-01T00:00:01Z")]


@pytest.mark.rule("orphan-of-a-deleted-deployment", "A run that waits and is of a deleted deployment is an orphan.")
def test_a_run_that_waits_and_names_a_deployment_that_is_deleted_breaks_it() -> None:
    lines = whole_history(WAITING, SOUND)
    for line in lines:
        if line["kind"] == "deployment" and line["side"] == "treated" and line.get("when") == "after":
            line["deployment"] = {"id": line["deployment"]["id"], "deleted": True}
    said = ask("orphans", lines)
    assert said and (said.outcome, len(said.breaches)) == ("broken", 3)
    assert said.reason == "run treated-run-0 is Late after the door, and its deployment is gone; 2 more like it"


def test_an_orphan_that_was_cancelled_is_one_all_the_same() -> None:
    now = {"deployment_id": None, "state_type": "CANCELLED", "state_name": "Cancelled"}
    assert outcome(leave(whole_history(WAITING, SOUND), run_id("treated", 0), now)) == "broken"


@pytest.mark.rule("orphan-was-not-picked-up", "A run that a worker has picked up needs no deployment any more.")
@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETED"])
def test_a_run_that_a_worker_has_picked_up_needs_no_deployment(state: str) -> None:
    now = {"deployment_id": None, "state_type": state, "state_name": state.title()}
    lines = whole_history(SOUND, SOUND)
    for when in (AFTER, DRAINED):
        leave(lines, run_id("treated", 0), now, when=when)
    assert outcome(lines) == "held"


@pytest.mark.rule("orphan-by-both-sources", "An orphan is one by its look-up and by the listing.")
@pytest.mark.parametrize("kind", ["look", "listing"])
def test_two_sources_have_to_say_that_a_run_has_no_deployment(kind: str) -> None:
    lines = whole_history(WAITING, SOUND)
    leave(lines, run_id("treated", 0), kinds=(kind,))
    assert outcome(lines) == "held"
    other = next(
        line
        for line in lines
        if line["kind"] == ({"look": "listing", "listing": "look"}[kind]) and line.get("when") == AFTER
    )
    runs = other["answers" if other["kind"] == "look" else "runs"]
    runs[:] = [one for one in runs if one["run"] != run_id("treated", 0)]
    assert outcome(lines) == "held"


def test_an_orphan_of_the_twin_forbids_a_verdict() -> None:
    lines = leave(whole_history(WAITING, WAITING), run_id("treated", 0))
    assert outcome(leave(lines, run_id("twin", 0))) == "inconclusive"


def test_a_history_that_does_not_say_whose_the_runs_are_has_nothing_to_look_at() -> None:
    lines = whole_history(WAITING, SOUND)
    for line in lines:
        for run in line.get("runs", ()):
            run.pop("deployment_id", None)
    assert ask("orphans", lines) is None
