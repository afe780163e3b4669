"""What a plan shows of each promise, from the verdicts on its doors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from msgspec.structs import replace as replace_run

from harness.chaos.results import BROKEN, KEPT, NOTHING, UNKNOWN, PlanResult, PromiseSeen
from harness.checkers import Check, load_promises
from harness.checkers._findings import Counts, Findings
from harness.checkers.bystanders import Bystanders
from harness.verdict.outcomes import Verdict
from harness.verdict.plans import OVERDUE, Opened, exit_code, promises_of, worst_of
from harness.verdict.ticks_at_doors import AtDoor, taken_by
from harness.words.events import DoorClosed, Event, Listing, Look
from harness.words.facts import Answer, FlowRun
from harness.words.promises import Promise


def door(outcome: str, promises: Mapping[str, str] | None = None, *, at_risk: int = 2, name: str = "none") -> Opened:
    counts = Counts(at_risk=at_risk)
    checks = {"survival": Check(found=Findings(counts, counts))}
    checks |= {of: Check(promise=Promise(outcome=said, reason="so it is")) for of, said in (promises or {}).items()}
    return Opened(name, "update" if name != "none" else "", "a", Verdict(outcome, "so it is", checks=checks))


def shown(*doors: Opened, version: str = "3.9.1") -> dict[str, str]:
    return {name: seen.came_to for name, seen in worst_of(promises_of(doors, version)).items()}


@pytest.mark.parametrize(
    ("outcome", "came_to"),
    [
        ("survived", KEPT), ("lost", BROKEN), ("altered", BROKEN), ("stranded", BROKEN), ("error", UNKNOWN),
        ("inconclusive", UNKNOWN),
    ],
)  # fmt: skip
def test_an_outcome_is_what_the_promise_of_overdue_runs_came_to(outcome: str, came_to: str) -> None:
    assert shown(door(outcome))[OVERDUE] == came_to


@pytest.mark.rule(
    "plan-nothing-at-risk", "A door with nothing at risk shows nothing of overdue runs; an error is unknown."
)
def test_nothing_at_risk_is_no_promise_kept_and_an_error_is_unknown_all_the_same() -> None:
    assert shown(door("inconclusive", at_risk=0))[OVERDUE] == NOTHING
    assert shown(door("error", at_risk=0))[OVERDUE] == UNKNOWN


@pytest.mark.rule(
    "plan-counts-bystanders", "A run of another deployment that a door took counts, whatever was at risk."
)
def test_a_door_with_nothing_at_risk_that_takes_a_run_of_another_deployment_breaks_the_promise() -> None:
    mine = door("inconclusive", at_risk=0)
    for taken, came_to in (([], BROKEN), (["another door took a run of this"], NOTHING)):
        others = Check(found=Bystanders(lost=["a run of b"], taken=taken))
        verdict = replace(mine.verdict, checks={**mine.verdict.checks, "bystanders": others})
        assert shown(replace(mine, verdict=verdict))[OVERDUE] == came_to


@pytest.mark.rule("plan-overdue-before-it-is-late", "A run that was due and that a door took is overdue, Late or not.")
def test_a_run_that_was_due_and_not_late_yet_counts_as_overdue() -> None:
    taken = frozenset({datetime(2026, 1, 1, tzinfo=timezone.utc)})
    for outcome, at_risk in (("survived", 2), ("inconclusive", 0)):
        one = replace(door(outcome, at_risk=at_risk, name="prefect-deploy"), at=AtDoor(taken=taken))
        for version, known in (("3.3.3", "PrefectHQ/prefect#17764"), ("3.9.1", "")):
            seen = promises_of([one], version)[0][OVERDUE]
            assert (seen.came_to, seen.known) == (BROKEN, known)
            assert "1 runs that were due, and not Late yet, are gone" in seen.reason
    assert shown(replace(door("error"), at=AtDoor(taken=taken)))[OVERDUE] == UNKNOWN


AT, THEN = "2026-01-01T00:00:10Z", "2026-01-01T00:00:05Z"


def history(tick: str = THEN, side: str = "treated", *answers: int) -> list[Event]:
    """A door that was answered at AT, and a run of a tick that is in no listing after it; its look-ups' answers."""
    run = FlowRun(run="r", side=side, state_type="SCHEDULED", state_name="Scheduled", expected_start_time=tick)
    gone = {"detail": "Flow run not found"}
    looked = [Answer(run="r", status=status, body=gone if status == 404 else None) for status in answers]
    return [
        Listing(when="before the door", runs=[run]),
        DoorClosed(door="none", nonce="", answered_at=AT),
        Look(when="after the door", answers=looked),
        Listing(when="after the door", runs=[]),
    ]


@pytest.mark.rule("plan-taken-by-both-sources", "A run is taken only if its look-ups say so, too.")
@pytest.mark.rule("plan-taken-was-due", "A run that was not due as the door was answered may be made anew.")
@pytest.mark.rule("plan-taken-not-of-the-twin", "What the twin lost, too, no door took.")
def test_what_a_door_took_is_known_by_both_sources() -> None:
    assert taken_by(history(THEN, "treated", 404, 404)) == {datetime(2026, 1, 1, 0, 0, 5, tzinfo=timezone.utc)}
    assert not taken_by(history(THEN, "treated", 200))
    assert not taken_by(history(THEN, "treated", 500, 500))
    assert not taken_by(history("2026-01-01T00:00:11Z", "treated", 404, 404))
    both = history(THEN, "treated", 404, 404)
    before = Listing(
        when="before the door",
        runs=[*both[0].runs, replace_run(both[0].runs[0], run="t", side="twin")],  # type: ignore[attr-defined]
    )
    gone = {"detail": "Flow run not found"}
    looked = Look(
        when="after the door", answers=[Answer(run=run, status=404, body=gone) for run in ("r", "r", "t", "t")]
    )
    assert not taken_by([before, both[1], looked, both[3]])


@pytest.mark.rule("plan-nothing-seen-is-not-kept", "A promise that no checker says anything of is not kept.")
def test_a_promise_of_which_nothing_was_seen_is_neither_kept_nor_broken() -> None:
    assert set(shown(door("survived"))) == {OVERDUE, *load_promises()}
    assert shown(door("survived"))["limit"] == NOTHING


@pytest.mark.rule(
    "plan-unknown-before-kept", "A promise that one door leaves untold is unknown, though another shows it."
)
def test_the_worst_that_a_door_shows_is_what_the_plan_shows() -> None:
    kept, unknown, broken = (door("survived", {"once": word}) for word in ("held", "inconclusive", "broken"))
    assert shown(kept, unknown)["once"] == UNKNOWN
    assert shown(kept, unknown, broken)["once"] == BROKEN
    assert shown(kept, door("survived"))["once"] == KEPT
    assert shown(door("survived", {"ticks": "duplicate"}))["ticks"] == BROKEN
    assert shown(door("survived", {"ticks": "whole"}))["ticks"] == KEPT


@pytest.mark.rule("plan-news-before-known", "A breach that is news comes before one that is known.")
def test_what_is_known_of_the_release_is_said_and_news_comes_first() -> None:
    lost = door("lost", name="prefect-deploy")
    (seen,) = promises_of([lost], "3.3.3")
    assert seen[OVERDUE] == PromiseSeen(came_to=BROKEN, reason="so it is", known="PrefectHQ/prefect#17764")
    assert not promises_of([lost], "3.9.1")[0][OVERDUE].known
    altered = door("altered", name="prefect-deploy")
    assert not promises_of([altered], "3.3.3")[0][OVERDUE].known, "it is known to be lost, and not to be altered"
    assert not worst_of(promises_of([lost, altered], "3.3.3"))[OVERDUE].known
    assert not worst_of(promises_of([altered, lost], "3.3.3"))[OVERDUE].known


def result(**came_to: Any) -> PlanResult:
    promises = {
        name: said if isinstance(said, PromiseSeen) else PromiseSeen(came_to=said) for name, said in came_to.items()
    }
    return PlanResult(
        file="", seed=None, number=None, steps=[], executed=[], places=[], in_vain=[], promises=promises, doors=[],
        seconds=0, cpu_seconds=0,
    )  # fmt: skip


@pytest.mark.rule("plan-news-is-1", "A plan that breaks a promise in a way that is not known ends with 1.")
@pytest.mark.rule(
    "plan-unknown-is-125", "A plan with a promise that is unknown, and none that is broken, ends with 125."
)
def test_the_exit_code_of_plans() -> None:
    known = PromiseSeen(came_to=BROKEN, known="PrefectHQ/prefect#17764")
    assert exit_code([result(once=KEPT, ticks=NOTHING)]) == 0
    assert exit_code([result(once=known)]) == 0
    assert exit_code([result(once=KEPT, ticks=BROKEN), result(once=UNKNOWN)]) == 1
    assert exit_code([result(once=KEPT), result(once=UNKNOWN)]) == 125
    assert exit_code([result(once=NOTHING)]) == 125
    assert exit_code([]) == 125
