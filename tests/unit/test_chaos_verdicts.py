"""What a plan shows of each promise, from the verdicts on its doors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from msgspec.structs import replace as replace_run

from harness.chaos.plans import DOORS
from harness.chaos.results import BROKEN, KEPT, NOTHING, UNKNOWN, PlanResult, PromiseSeen
from harness.checkers import Check, load_promises
from harness.checkers._findings import Counts, Findings
from harness.checkers.ticks import Ticks
from harness.doors import load_doors
from harness.known import Known, load_known
from harness.runs.campaign_ledger import lines_of
from harness.verdict import plans
from harness.verdict.outcomes import INCONCLUSIVE, Verdict
from harness.verdict.plans import OVERDUE, Opened, exit_code, promises_of, worst_of
from harness.verdict.ticks_at_doors import AtDoor, Taken, at_door, taken_by
from harness.words.events import DoorClosed, Listing, Look
from harness.words.facts import Answer, FlowRun
from harness.words.promises import Expectation, Promise
from tests.unit.plain import Line, judge, read
from tests.unit.stories import GONE, LATE, RESCHEDULED, whole_history

DONE, PICKED_UP = "completed", "picked up before the door was answered"
ALL, NONE = 3 * (DONE,), 3 * (PICKED_UP,)
KNOWN = "PrefectHQ/prefect#17764"


def door(outcome: str, promises: Mapping[str, str] | None = None, *, at_risk: int = 2, name: str = "none") -> Opened:
    counts = Counts(at_risk=at_risk)
    doubt = INCONCLUSIVE if outcome == INCONCLUSIVE or not at_risk else None
    checks = {"survival": Check(outcome=doubt, found=Findings(counts, counts))}
    checks |= {of: Check(promise=Promise(outcome=said, reason="so it is")) for of, said in (promises or {}).items()}
    return Opened(name, "update" if name != "none" else "", "a", Verdict(outcome, "so it is", checks=checks))


def told(lines: Sequence[Line], *, of: str = "a", name: str = "prefect-deploy") -> Opened:
    """A door of a plan, of which this is the history; one run at risk is enough."""
    events = [{**line, "minimum": 1} if line["kind"] == "trial" else line for line in lines]
    return Opened(name, load_doors()[name].family, of, judge(events), at_door(read(events)))


def changed(lines: Sequence[Line], kind: str, **facts: Any) -> list[Line]:
    return [{**line, **facts} if line["kind"] == kind else line for line in lines]


def overdue(*lines: Sequence[Line], version: str = "3.9.1") -> PromiseSeen:
    """What doors of these histories show of the promise of overdue runs, all of one plan."""
    return worst_of(promises_of([told(each) for each in lines], version))[OVERDUE]


def code(seen: PromiseSeen) -> int:
    return exit_code([result(overdue=seen)])


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


@pytest.mark.rule("plan-nothing-at-risk", "A door with nothing at risk shows nothing of overdue runs.")
@pytest.mark.rule("plan-error-is-unknown", "A door that is an error shows nothing for certain, whatever was at risk.")
def test_nothing_at_risk_is_no_promise_kept_and_an_error_is_unknown_all_the_same() -> None:
    assert shown(door("inconclusive", at_risk=0))[OVERDUE] == NOTHING
    assert overdue(whole_history(NONE, NONE)).came_to == overdue(whole_history(NONE, ALL)).came_to == NOTHING
    assert shown(door("error", at_risk=0))[OVERDUE] == UNKNOWN


@pytest.mark.rule("plan-twin-with-nothing-at-risk", "Runs at risk beside a twin that had none are not told.")
@pytest.mark.parametrize("word", ["cancelled", "lost in the drain", "never ran", "moved to a queue"])
def test_what_became_of_runs_at_risk_beside_a_twin_that_had_none_is_unknown(word: str) -> None:
    assert overdue(whole_history(3 * (word,), NONE), whole_history(ALL, ALL)).came_to == UNKNOWN


@pytest.mark.rule("plan-kept-without-a-twin", "Runs at risk that all happened are kept, whatever the twin had.")
def test_runs_at_risk_that_all_happened_are_kept_beside_a_twin_that_had_none() -> None:
    seen = overdue(whole_history(3 * (DONE,), NONE), whole_history(ALL, ALL))
    assert (seen.came_to, seen.untold) == (KEPT, False)


@pytest.mark.rule("plan-kept-if-each-completed", "Without a twin, runs are kept only if each of them completed.")
@pytest.mark.rule("plan-kept-if-none-was-altered", "Without a twin, runs are kept only if none of them was altered.")
@pytest.mark.parametrize("word", ["cancelled", "lost in the drain", "never ran", "moved to a queue"])
def test_one_run_that_did_not_happen_leaves_them_unknown_beside_a_twin_that_had_none(word: str) -> None:
    assert overdue(whole_history((DONE, DONE, word), NONE), whole_history(ALL, ALL)).came_to == UNKNOWN


def bystander(lines: Sequence[Line], **facts: Any) -> list[Line]:
    """Beside the door a Late run of another deployment, `b-run`, came to this."""
    twin = {"run": "twin-run-0", "side": "twin", "status": 200, **LATE}
    return changed(lines, "bystanders", **{"watched": 1, "control": [twin, twin], **facts})


def gone_beside(lines: Sequence[Line], *, opened: bool = False) -> list[Line]:
    """The door deleted it; `opened`: after that run's own door had been."""
    run = {"run": "b-run", **LATE, "deployment_id": "b"}
    answers = 2 * [{"run": "b-run", "side": "bystander", **GONE}]
    return bystander(lines, unlisted=[{**run, "answers": answers, "opened": opened}])


def renamed_beside(lines: Sequence[Line]) -> list[Line]:
    was, now = ({"run": "b-run", **LATE, "deployment_id": "b", "name": name} for name in ("before", "after"))
    return bystander(lines, changed=[{"was": was, "now": now, "opened": False}])


@pytest.mark.rule(
    "plan-counts-bystanders", "A run of another deployment that a door took or altered counts, whatever was at risk."
)
def test_a_door_with_nothing_at_risk_that_takes_a_run_of_another_deployment_breaks_the_promise() -> None:
    for twin in (ALL, NONE):
        for lines in (gone_beside(whole_history(NONE, twin)), renamed_beside(whole_history(NONE, twin))):
            seen = overdue(lines, version="3.3.3")
            assert (seen.came_to, seen.known) == (BROKEN, "")
            assert seen.reason == "the door took or altered 1 runs of other deployments"
    assert overdue(gone_beside(whole_history(ALL, NONE))).came_to == BROKEN


def taken_beside(lines: Sequence[Line], run: str) -> list[Line]:
    """The door of another deployment of the plan deleted this run of the treated one."""
    at = next(number for number, line in enumerate(lines) if line["kind"] == "drained")
    taken = {"kind": "unlisted", "run": run, "door": "prefect-deploy", "scenario": "plan-1"}
    by_another = {"at": lines[at]["at"], **taken, "answers": 2 * [{"run": run, **GONE}]}
    return [*lines[:at], by_another, *lines[at:]]


@pytest.mark.rule("plan-counts-doors-of-others", "A run that the door of another deployment took breaks the promise.")
@pytest.mark.rule("plan-taken-beside-a-whole-twin", "It does so only if the trial of its own deployment shows a loss.")
@pytest.mark.rule("plan-taken-and-no-other-doubt", "It does so only if nothing else is in doubt.")
def test_a_run_that_the_door_of_another_deployment_took_breaks_the_promise_of_the_plan() -> None:
    lost = taken_beside(whole_history((DONE, DONE, "lost in the drain"), ALL), "treated-run-2")
    assert told(lost).verdict.outcome == INCONCLUSIVE
    seen = overdue(lost, version="3.3.3")
    assert (seen.came_to, seen.known, seen.untold) == (BROKEN, "", False)
    assert "deleted its run treated-run-2" in seen.reason
    stepped = [
        {**line, "asked": 900.0, "answered": 900.1} if line.get("when") == "after the drain" else line for line in lost
    ]
    assert overdue(stepped).came_to == UNKNOWN, "the clock stepped"
    of_the_twin = taken_beside(whole_history((DONE, DONE, "lost in the drain"), (DONE, DONE, "lost in the drain")), "x")
    assert overdue(of_the_twin).came_to == UNKNOWN, "the twin is no control"
    assert overdue(taken_beside(whole_history(ALL, ALL), "another")).came_to == UNKNOWN, "it was not at risk"


@pytest.mark.rule("plan-nothing-seen-no-other-doubt", "Where more than a lack of runs is in doubt, it is unknown.")
def test_nothing_at_risk_beside_another_doubt_is_unknown() -> None:
    none = whole_history(NONE, NONE)
    taken = {"kind": "unlisted", "run": "a-run", "door": "prefect-deploy", "scenario": "plan-1"}
    by_another = [{"at": none[0]["at"], **taken, "answers": 2 * [{"run": "a-run", **GONE}]}]
    at = next(number for number, line in enumerate(none) if line["kind"] == "bystanders") + 1
    step = [{**line, "server": "2030-01-01T00:01:21Z"} if line.get("when") == "as the door was answered" else line
            for line in none]  # fmt: skip
    for lines in ([*none[:at], *by_another, *none[at:]], gone_beside(none, opened=True), step):
        assert judge(lines).outcome == INCONCLUSIVE
        assert overdue(lines, whole_history(ALL, ALL)).came_to == UNKNOWN


@pytest.mark.rule("plan-nothing-seen-no-flaw", "Nothing is seen only where the answers agree.")
@pytest.mark.rule("plan-nothing-seen-none-vanished", "Nothing is seen only where no run that had begun is gone.")
@pytest.mark.rule("plan-nothing-seen-clean-twin", "Nothing is seen only where the twin has all of its runs.")
@pytest.mark.parametrize("what", ["flaws", "vanished", "unclean"])
def test_nothing_at_risk_beside_a_run_that_should_be_there_is_unknown(what: str) -> None:
    one = door("inconclusive", at_risk=0)
    unclear: dict[str, Any] = {what: ["so it is"]}
    found = replace(one.verdict.findings, **unclear)
    checks = {"survival": Check(outcome=INCONCLUSIVE, found=found)}
    assert shown(replace(one, verdict=replace(one.verdict, checks=checks)))[OVERDUE] == UNKNOWN


def due(lines: Sequence[Line], *gone: str, tick: str = "2030-01-01T00:00:20Z", by_hand: bool = True) -> list[Line]:
    """On each side one more run, Scheduled before the door; on these sides it is gone after it."""
    more: dict[str, Line] = {
        side: {
            "run": f"{side}-new", "side": side, **RESCHEDULED, "auto_scheduled": not by_hand, "name": f"{side}-new",
            "deployment_id": f"deployment-{side}", "work_queue_name": "default", "expected_start_time": tick,
        }
        for side in ("treated", "twin")
    }  # fmt: skip
    there = [run for side, run in more.items() if side not in gone]
    answers = [{"status": 200, **run} for run in there]
    answers += [{"run": f"{side}-new", "side": side, **GONE} for side in gone for _ in "12"]
    names = [str(run["run"]) for run in there]
    found = []
    for line in lines:
        match line["kind"], line.get("when"):
            case "listing", "before the door":
                found.append({**line, "runs": [*line["runs"], *more.values()]})
            case "listing", when:
                listed = {how: [*line[how], *names] for how in ("by_id", "by_deployment")}
                found.append({**line, "runs": [*line["runs"], *there], **listed})
                read = {"at": line["at"], "kind": "states", "when": when, "states": []}
                found += [{**read, "run": run["run"], "side": run["side"]} for run in there]
            case "look", _:
                found.append({**line, "answers": [*line["answers"], *answers]})
            case _:
                found.append(line)
    return found


@pytest.mark.rule("plan-overdue-before-it-is-late", "A run that was due and that a door took is overdue, Late or not.")
def test_a_run_that_was_due_and_not_late_yet_counts_as_overdue() -> None:
    for sides in ((NONE, NONE), (ALL, ALL), (ALL, NONE), (NONE, ALL)):
        for version, known in (("3.3.3", KNOWN), ("3.9.1", "")):
            seen = overdue(due(whole_history(*sides), "treated", by_hand=False), version=version)
            assert (seen.came_to, seen.known, seen.untold) == (BROKEN, known, sides == (ALL, NONE))
            assert "1 runs that were due, or that a person had created, are gone" in seen.reason
    taken = frozenset({Taken("r", datetime(2026, 1, 1, tzinfo=timezone.utc))})
    assert shown(replace(door("error"), at=AtDoor(taken=taken)))[OVERDUE] == UNKNOWN


@pytest.mark.rule("plan-short-of-runs", "What is taken beside a run of which nothing is known does not tell of that.")
def test_a_run_at_risk_that_cannot_be_told_leaves_it_unknown() -> None:
    assert overdue(whole_history(("lost", "server error", DONE), ALL)).came_to == UNKNOWN


def test_a_run_that_a_person_created_and_a_door_took_breaks_the_promise_before_it_is_due() -> None:
    later = "2030-01-01T00:00:25Z"
    for tick in ("2030-01-01T00:00:20Z", later):
        for sides in ((NONE, NONE), (ALL, ALL)):
            seen = overdue(due(whole_history(*sides), "treated", tick=tick), version="3.3.3")
            assert (seen.came_to, seen.known) == (BROKEN, ""), "an update deletes no run of a person"
            assert overdue(due(whole_history(*sides), "treated", "twin", tick=tick)).came_to == UNKNOWN
    assert overdue(due(whole_history(ALL, ALL), "treated", tick=later, by_hand=False)).came_to == KEPT
    assert overdue(due(whole_history(ALL, ALL))).came_to == KEPT


AT, THEN = "2026-01-01T00:00:10Z", "2026-01-01T00:00:05Z"
LATER = "2026-01-01T00:00:11Z"
TICK = datetime(2026, 1, 1, 0, 0, 5, tzinfo=timezone.utc)
GONE_TWICE = (404, 404)


def taken(
    *answers: int, twin: Sequence[int] = (200,), other: int = 200, there: bool = False, **facts: Any
) -> frozenset[Taken]:
    """What a door took that was answered at AT, of a treated run that `facts` tells of; its look-ups' answers.

    twin   those of a run of the twin that is alike, and `other`: that of another one, which is not due yet
    there  the listing after the door has the treated run
    """
    waits = {"state_type": "SCHEDULED", "state_name": "Scheduled", "expected_start_time": THEN, "auto_scheduled": True}
    run = FlowRun(run="r", side="treated", **{**waits, **facts})
    of_twin = replace_run(run, run="t", side="twin")
    ahead = replace_run(of_twin, run="u", expected_start_time=LATER, auto_scheduled=True)
    looked = [
        Answer(run=of.run, side=of.side, status=status, body=GONE["body"] if status == 404 else None)
        for of, statuses in ((of_twin, twin), (ahead, (other,)), (run, answers))
        for status in statuses
    ]
    after = [run] * there + [of_twin] * (200 in twin) + [ahead] * (other == 200)
    return taken_by([
        Listing(when="before the door", runs=[run, of_twin, ahead]),
        DoorClosed(door="none", nonce="", answered_at=AT),
        Look(when="after the door", answers=looked),
        Listing(when="after the door", runs=after),
    ])  # fmt: skip


@pytest.mark.rule("plan-taken-by-both-sources", "A run is taken only if its look-ups say so, too.")
@pytest.mark.rule("plan-taken-by-the-listing", "A run is taken only if the listing says so, too.")
@pytest.mark.rule("plan-taken-waited", "A run that was not waiting before the door was not overdue.")
@pytest.mark.rule("plan-taken-was-due", "A run that was not due as the door was answered may be made anew.")
@pytest.mark.rule("plan-taken-by-hand", "A run that a person created is made by nobody again, due or not.")
@pytest.mark.rule("plan-taken-not-of-the-twin", "What the twin lost, too, no door took.")
@pytest.mark.rule("plan-taken-while-the-twin-answers", "A run is taken only while the server answers for the twin.")
def test_what_a_door_took_is_known_by_both_sources() -> None:
    assert taken(*GONE_TWICE) == {Taken("r", TICK)}
    assert taken(*GONE_TWICE, state_name="Late") == {Taken("r", TICK)}
    assert taken(*GONE_TWICE, state_type="WAITING", state_name="Late") == {Taken("r", TICK)}
    assert not taken(200)
    assert not taken(500, 500)
    assert not taken(*GONE_TWICE, there=True)
    assert not taken(*GONE_TWICE, state_type="RUNNING")
    assert not taken(*GONE_TWICE, expected_start_time=LATER)
    by_hand = taken(*GONE_TWICE, expected_start_time=LATER, auto_scheduled=False)
    assert [(one.run, one.by_hand) for one in by_hand] == [("r", True)]
    assert not taken(*GONE_TWICE, twin=GONE_TWICE)
    assert not taken(*GONE_TWICE, twin=GONE_TWICE, auto_scheduled=False)
    assert taken(*GONE_TWICE, twin=(500, 500))
    assert not taken(*GONE_TWICE, twin=(500, 500), other=500)


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


def tick(outcome: str, expected: int) -> Opened:
    found = Ticks(expected)
    checks = {"ticks": Check(found=found, promise=Promise(outcome=outcome, reason="so it is"))}
    return Opened("none", "", "a", Verdict("survived", "so it is", checks=checks))


@pytest.mark.rule("plan-no-tick-was-due", "Ticks are kept only where some were due.")
def test_of_ticks_of_which_none_was_due_nothing_is_seen() -> None:
    assert [shown(tick("whole", expected))["ticks"] for expected in (0, 1)] == [NOTHING, KEPT]
    assert shown(tick("inconclusive", 0))["ticks"] == UNKNOWN
    assert shown(tick("duplicate", 0))["ticks"] == BROKEN


LOST = 3 * ("lost",)


def by_hand(lines: Sequence[Line], *runs: str) -> list[Line]:
    """A person created these runs."""

    def made(each: Line) -> Line:
        return {**each, "auto_scheduled": False} if each.get("run") in runs and "side" in each else each

    found = []
    for line in lines:
        key = {"listing": "runs", "look": "answers"}.get(str(line["kind"]))
        found.append({**line, key: [made(each) for each in line[key]]} if key else line)
    return found


@pytest.mark.rule("plan-news-before-known", "A breach that is news comes before one that is known.")
def test_what_is_known_of_the_release_is_said_and_news_comes_first() -> None:
    lost, altered = whole_history(LOST, ALL), whole_history(3 * ("cancelled",), ALL)
    seen = overdue(lost, version="3.3.3")
    assert (seen.came_to, seen.known, seen.untold) == (BROKEN, KNOWN, False)
    assert "3 of 3 runs at risk are gone" in seen.reason
    assert not overdue(lost).known
    assert not overdue(altered, version="3.3.3").known, "it is known to be lost, and not to be altered"
    assert not overdue(lost, altered, version="3.3.3").known
    assert not overdue(altered, lost, version="3.3.3").known


@pytest.mark.rule("plan-known-by-whose-run", "The loss of a run that a person created is known for such runs alone.")
def test_an_update_is_not_known_to_delete_what_a_person_created(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = whole_history(LOST, ALL)
    for runs in (["treated-run-1"], [f"treated-run-{number}" for number in range(3)]):
        seen = overdue(by_hand(lost, *runs), version="3.3.3")
        assert (seen.came_to, seen.known) == (BROKEN, "")
    assert overdue(by_hand(lost, "twin-run-1"), version="3.3.3").known
    assert not overdue(due(lost, "treated"), version="3.3.3").known
    assert overdue(due(lost, "treated", by_hand=False), version="3.3.3").known
    by_design = Known(backlogs=["user-created"], outcome="lost", reference="by design")
    monkeypatch.setattr(plans, "known_for", lambda backlog, *_: by_design if backlog in by_design.backlogs else None)
    assert overdue(due(whole_history(ALL, ALL), "treated"), version="3.3.3").known == "by design"


@pytest.mark.rule("plan-known-each-run", "A loss is known only if that of each single run is.")
@pytest.mark.rule("plan-known-if-a-door-took-it", "A run that no door took is lost in a way that is not known.")
def test_a_run_that_is_lost_later_is_known_only_if_another_door_took_it_then() -> None:
    later = whole_history(("lost in the drain", DONE, DONE), ALL)
    assert not overdue(later, version="3.3.3").known
    assert not overdue(whole_history(("lost", "lost in the drain", DONE), ALL), version="3.3.3").known
    assert overdue(later, whole_history(LOST, ALL), version="3.3.3").known


@pytest.mark.rule("plan-known-of-its-own-runs", "No update is known to take runs of another deployment.")
@pytest.mark.parametrize("beside", [gone_beside, renamed_beside])
def test_what_a_door_does_to_another_deployment_is_never_known(beside: Any) -> None:
    for mine in (LOST, ALL):
        seen = overdue(beside(whole_history(mine, ALL)), version="3.3.3")
        assert (seen.came_to, seen.known) == (BROKEN, "")


@pytest.mark.rule("plan-known-losses-alone", "What became of the runs that are not gone is no part of a known loss.")
def test_a_run_that_is_altered_or_left_behind_beside_a_known_loss_is_news() -> None:
    for word in ("cancelled", "cancelled later", "failed", "never ran", "moved to a queue"):
        seen = overdue(whole_history(("lost", "lost", word), ALL), version="3.3.3")
        assert (seen.came_to, seen.known, code(seen)) == (BROKEN, "", 1), word
    taken_too = due(whole_history(("cancelled", DONE, DONE), ALL), "treated", by_hand=False)
    assert not overdue(taken_too, version="3.3.3").known
    assert overdue(whole_history(("lost", "lost", DONE), ALL), version="3.3.3").known


@pytest.mark.rule("plan-untold-beside-a-loss", "A known loss does not hide that the other runs cannot be told.")
@pytest.mark.rule("plan-untold-without-a-twin", "A known loss beside a twin with nothing at risk leaves others untold.")
@pytest.mark.rule("plan-untold-by-another-door", "A promise that is known to be broken may be unknown at another door.")
@pytest.mark.rule("plan-untold-is-125", "What a known breach leaves untold ends with 125.")
def test_what_cannot_be_told_is_not_hidden_by_what_is_known() -> None:
    known = whole_history(LOST, ALL)
    for lines in (
        [whole_history(("lost", "lost", "still running"), ALL)],
        [whole_history(("lost", "never ran", DONE), (DONE, "never ran", DONE))],
        [whole_history(LOST, NONE)],
        [known, whole_history(LOST, ("lost", DONE, DONE))],
    ):
        seen = overdue(*lines, version="3.3.3")
        assert (seen.came_to, seen.known, seen.untold, code(seen)) == (BROKEN, KNOWN, True, 125)
    for beside in (whole_history(ALL, ALL), whole_history(NONE, NONE)):
        seen = overdue(known, beside, version="3.3.3")
        assert (seen.known, seen.untold, code(seen)) == (KNOWN, False, 0)


@pytest.mark.rule(
    "rest-after-a-loss", "Where every run at risk is gone, and a run that had begun, too, that is untold."
)
def test_a_run_that_had_begun_and_is_gone_beside_a_known_loss_is_untold() -> None:
    lines = [
        {**line, "runs": [run for run in line["runs"] if run["run"] != "treated-holder"]}
        if line["kind"] == "listing" and line["when"] == "after the drain"
        else line
        for line in whole_history(LOST, ALL)
    ]
    seen = overdue(lines, version="3.3.3")
    assert (seen.came_to, seen.untold) == (BROKEN, True)


def test_all_that_is_known_of_overdue_runs_at_the_doors_of_a_plan_is_whether_they_are_lost() -> None:
    opened = [load_doors()[name] for name in DOORS]
    found = {
        known.outcome
        for known in load_known()
        if {"overdue", "user-created"} & {*known.backlogs}
        and any(door.name in known.doors or door.family in known.families for door in opened)
    }
    assert found == {"lost", "survived"}


@pytest.mark.rule("plan-known-promise", "A breach is known if the release is known to break the promise so.")
@pytest.mark.rule("plan-known-sometimes", "A breach is known if the release is known to break the promise so at times.")
def test_what_is_known_of_a_promise_is_known_in_the_very_way_that_it_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Expectation(outcome="missing", reference="one", sometimes="duplicate", sometimes_reference="another")
    monkeypatch.setattr(plans, "known_promises", lambda *_: {"ticks": known})
    for outcome, reference in (("missing", "one"), ("duplicate", "another")):
        assert promises_of([door("survived", {"ticks": outcome})], "3.9.1")[0]["ticks"].known == reference
    whole = replace_run(known, outcome="whole", sometimes="")
    monkeypatch.setattr(plans, "known_promises", lambda *_: {"ticks": whole})
    assert not promises_of([door("survived", {"ticks": "missing"})], "3.9.1")[0]["ticks"].known
    assert not promises_of([door("survived", {"once": "broken"})], "3.9.1")[0]["once"].known


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
    "plan-unknown-is-125", "A plan with a promise that is unknown, and none that is broken by news, ends with 125."
)
def test_the_exit_code_of_plans() -> None:
    known = PromiseSeen(came_to=BROKEN, known="PrefectHQ/prefect#17764")
    assert exit_code([result(once=KEPT, ticks=NOTHING)]) == 0
    assert exit_code([result(once=known)]) == 0
    assert exit_code([result(once=KEPT, ticks=BROKEN), result(once=UNKNOWN)]) == 1
    assert exit_code([result(once=KEPT), result(once=UNKNOWN)]) == 125
    assert exit_code([result(once=NOTHING)]) == 125
    assert exit_code([]) == 125


@pytest.mark.rule("plan-untold-is-said", "The line of a plan says what is unknown beside what is known.")
def test_a_person_is_told_what_is_unknown_beside_a_known_breach() -> None:
    told, untold = (PromiseSeen(came_to=BROKEN, known=KNOWN, untold=untold) for untold in (False, True))
    (line,) = lines_of(result(overdue=untold, ticks=told))
    assert "broken as is known overdue, ticks; and beside that unknown overdue (" in line
