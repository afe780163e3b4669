"""A trial that hit its own twin, too, is held against a trial in another lab: its control."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from harness.doors import load_doors
from harness.known import KnownPromise
from harness.runs.ask import RunAsk
from harness.runs.plan import choose_trials
from harness.runs.plan_of_run import plan_run
from harness.runs.run import check_doors
from harness.runs.selection import select
from harness.subjects.kinds import is_of_releases, is_upgraded
from harness.subjects.release import Release
from harness.verdict.controls import beside_controls
from harness.words.errors import UsageError
from harness.words.plan import Plan
from harness.words.promises import PromiseResult
from harness.words.records import TrialResult
from tests.unit.entries import ticks, trial
from tests.unit.plain import judge
from tests.unit.stories import whole_history

UPGRADED = "3.1.15/upgrade=3.9.1"
DOORS = load_doors()


def restarted(outcome: str | None = "altered", **facts: Any) -> TrialResult:
    """A trial whose server was restarted, held against the trial `control`."""
    own = {"folder": "trials/restarted", "reach": "server", "control": "control", "reason": "so it went"}
    return trial(outcome=outcome, as_expected=False, **{**own, **facts})


def control(outcome: str | None = "survived", **facts: Any) -> TrialResult:
    return trial(outcome=outcome, folder="trials/control", **facts)


@pytest.mark.rule("absolute-needs-its-control", "A trial that hit its own twin, too, is held against its control.")
@pytest.mark.rule("absolute-control-is-clean", "If its control is not clean, such a trial has no verdict.")
@pytest.mark.parametrize("came_to", ["lost", "altered", "stranded", "inconclusive", "error", None])
@pytest.mark.parametrize("outcome", ["survived", "altered"])
def test_a_control_that_is_not_clean_leaves_no_verdict(outcome: str, came_to: str | None) -> None:
    held, _ = beside_controls([restarted(outcome), control(came_to)])
    assert (held.outcome, held.as_expected) == ("inconclusive", None)
    assert held.reason == f"its control control is not clean, but {came_to or 'not run'}; so it went"


def test_a_clean_control_leaves_the_verdict_as_it_is() -> None:
    for outcome in ("survived", "altered", "lost", "error", "inconclusive", "not-applicable"):
        assert beside_controls([restarted(outcome), control()])[0] == restarted(outcome)


def test_what_was_not_judged_stays_so_whatever_its_control_came_to() -> None:
    for outcome in ("error", "inconclusive", "not-applicable", None):
        assert beside_controls([restarted(outcome), control("lost")])[0] == restarted(outcome)


def once(outcome: str) -> dict[str, PromiseResult]:
    """A promise that is expected to be held, and came to this."""
    held = None if outcome == "inconclusive" else outcome == "held"
    return {"once": PromiseResult(outcome=outcome, expected="held", as_expected=held, reason="twice")}


@pytest.mark.rule("absolute-promise-of-its-control", "A promise that the control breaks, too, is no doing of the door.")
@pytest.mark.parametrize(
    ("its", "outcome"), [("held", "broken"), ("broken", "inconclusive"), ("inconclusive", "inconclusive")]
)
def test_a_promise_that_is_broken_in_the_control_too_has_no_verdict(its: str, outcome: str) -> None:
    held, _ = beside_controls([restarted(promises=once("broken")), control(promises=once(its))])
    assert (held.outcome, held.promises["once"].outcome) == ("altered", outcome)
    assert held.promises["once"].as_expected is (False if outcome == "broken" else None)
    kept, _ = beside_controls([restarted(promises=once("held")), control(promises=once(its))])
    assert kept.promises == once("held")


@pytest.mark.rule("absolute-control-is-alike", "A control is the same trial but for its door, on the same ground.")
@pytest.mark.parametrize(
    "other",
    [
        {"scenario": "upcoming"}, {"subject": "3.3.4"}, {"version": "3.3.4"}, {"versions": {"worker": "3.3.4"}},
        {"engine": "containers"}, {"database": "postgres"}, {"clock": "warp"}, {"schedules": ["cron 0 2 * * * UTC"]},
        {"concurrency_limit": "1"}, {"at": "tick"}, {"judged_by": "ticks", "ticks": ticks()},
    ],
)  # fmt: skip
def test_a_clean_trial_of_something_else_is_no_control(other: dict[str, Any]) -> None:
    held, _ = beside_controls([restarted(), control(**other)])
    name = next(iter(other))
    assert (held.outcome, held.as_expected) == ("inconclusive", None)
    assert held.reason.startswith(f"control is no control of it, with the {name} ")


@pytest.mark.rule("absolute-control-is-there", "If its control was not tried, such a trial has no verdict.")
def test_a_control_that_was_not_tried_leaves_no_verdict() -> None:
    (held,) = beside_controls([restarted()])
    assert (held.outcome, held.reason) == (
        "inconclusive", "its control control is not among the trials; so it went",
    )  # fmt: skip


@pytest.mark.rule("absolute-alone-is-clean-or-nothing", "A control that has none itself is clean, or says nothing.")
def test_a_control_that_hits_its_own_twin_is_clean_or_says_nothing() -> None:
    assert beside_controls([restarted("survived", control="")])[0].outcome == "survived"
    assert beside_controls([restarted("altered", control="")])[0].outcome == "inconclusive"


def test_where_ticks_are_judged_the_ticks_of_the_control_have_to_be_whole() -> None:
    judged = {"judged_by": "ticks"}
    for came_to, outcome in (("whole", "lost"), ("duplicate", "inconclusive"), ("inconclusive", "inconclusive")):
        sister = control("lost", promises=ticks(outcome=came_to), **judged)
        assert beside_controls([restarted("lost", **judged), sister])[0].outcome == outcome


def test_an_ordinary_trial_is_held_against_its_twin_alone() -> None:
    mine = restarted("lost", reach="")
    assert beside_controls([mine, control("error")])[0] == mine


def of_a_server(treated: tuple[str, ...], twin: tuple[str, ...]) -> str:
    """The outcome of a history whose door hit the twin, too."""
    lines = whole_history(treated, twin)
    assert judge(lines).outcome == "inconclusive" or twin == ("completed",) * 3
    lines[0]["reach"] = "server"
    return judge(lines).outcome


@pytest.mark.rule("absolute-ended-otherwise", "If the twin was hit, too, a run that ended otherwise is altered.")
@pytest.mark.parametrize(
    ("treated", "twin", "outcome"),
    [
        ("lost", "lost", "lost"),
        ("cancelled later", "cancelled later", "altered"),
        ("crashed", "crashed", "altered"),
        ("never ran", "never ran", "stranded"),
        ("completed", "lost", "survived"),
        ("completed", "crashed", "survived"),
        ("no answer", "completed", "inconclusive"),
    ],
)
def test_of_a_door_that_hit_both_sides_the_treated_runs_alone_are_judged(treated: str, twin: str, outcome: str) -> None:
    if (treated, twin) == ("completed", "crashed"):
        lines = whole_history(("completed",) * 3, ("crashed",) * 3)
        lines[0]["reach"] = "server"
        assert judge(lines).outcome == outcome
        return
    # A run of the twin has to answer, or no 404 is believed.
    assert of_a_server((treated,) * 3, (twin, twin, twin if twin != "lost" else "completed")) == outcome


class Engine:
    """As much of an engine as a plan asks for."""

    name = "processes"

    def describe(self) -> str:
        return "no engine"


def planned(door: str, *, scenario: str = "upcoming", subject: str = UPGRADED) -> Plan:
    """The plan of a run that asks for one door."""
    ask = RunAsk(subjects=(subject,), scenarios=(scenario,), doors=(door,))
    roles = {"upgrade": Release("3.9.1", "3.9.1", "", "")} if is_upgraded(subject) else {}
    release = replace(Release(subject, "3.1.15", "", ""), roles=roles)
    trials = choose_trials("reproduce", [scenario], [door])
    return plan_run(ask, "run", {subject: release}, trials, Engine(), only={})  # type: ignore[arg-type]


@pytest.mark.rule("absolute-plans-its-control", "A plan adds the control of a trial that hits its own twin, too.")
@pytest.mark.rule("server-door-own-lab", "A door on the server has a lab of its own.")
@pytest.mark.parametrize(
    ("door", "other"), [("server-upgrade", "server-restart"), ("server-restart", "none"), ("server-kill", "none")]
)
def test_a_plan_adds_the_control_in_a_lab_of_its_own(door: str, other: str) -> None:
    asked, added = planned(door).cells
    assert (asked.door, added.door) == (door, other)
    assert (asked.control, added.control) == (added.name, "")
    assert (asked.reach, added.reach) == ("server", DOORS[other].reach)
    assert asked.lab != added.lab
    assert asked.lab.endswith(f"--upcoming--{door}"), "no other trial is in it"


def test_a_control_that_is_asked_for_is_planned_once() -> None:
    ask = RunAsk(subjects=("3.1.15",), scenarios=("upcoming",), doors=("server-restart", "none"))
    trials = choose_trials("reproduce", ["upcoming"], ["server-restart", "none"])
    releases = {"3.1.15": Release("3.1.15", "3.1.15", "", "")}
    plan = plan_run(ask, "run", releases, trials, Engine(), only={})  # type: ignore[arg-type]
    assert [cell.door for cell in plan.cells] == ["server-restart", "none"]
    assert plan.cells[0].control == plan.cells[1].name


@pytest.mark.rule("select-keeps-controls", "An expression that selects a trial selects its control, too.")
def test_a_selected_trial_brings_its_control_along(tmp_path: Path) -> None:
    plan = replace(planned("server-upgrade"), folder=tmp_path)
    assert [cell.door for cell in select(plan, "upgrade and not restart").cells] == ["server-upgrade", "server-restart"]


@pytest.mark.rule("upgrade-says-to-what", "A subject that is to be upgraded has to say to what.")
@pytest.mark.rule("upgrade-wants-its-door", "A subject that is upgraded wants a door on the server.")
def test_a_door_and_a_subject_that_do_not_fit_are_refused_with_the_next_step() -> None:
    with pytest.raises(UsageError, match=r"does not say to which release.\nName it: --subject 3.3.3/upgrade=latest"):
        check_doors("3.3.3", [DOORS["server-upgrade"]])
    with pytest.raises(UsageError, match=r"which prefect-deploy does not do.\nName the door: --door server-upgrade"):
        check_doors(UPGRADED, [DOORS["prefect-deploy"]])
    check_doors(UPGRADED, [DOORS[door] for door in ("server-upgrade", "server-restart", "none")])
    check_doors("3.3.3", [DOORS["server-restart"], DOORS["prefect-deploy"]])


@pytest.mark.rule("mixed-of-releases", "A subject of which one part is no release is expected to survive.")
def test_what_is_known_is_known_of_releases_of_mixes_and_of_upgrades_between_them() -> None:
    mixed, upgraded = "3.3.4/worker=3.3.3/deployer=3.9.1", "3.3.4/upgrade=3.9.1/deployer=3.3.3"
    of_releases = dict.fromkeys(("3.3.3", "latest", UPGRADED, mixed, upgraded), True)
    of_releases |= dict.fromkeys(
        ("3.1.15/upgrade=path:.", "3.3.4/deployer=3.3.3+skip-a-tick", f"{mixed}+skip-a-tick"), False
    )
    of_releases |= dict.fromkeys(("path:.", "image:mine/worker=3.3.3"), False)
    assert {asked: is_of_releases(asked) for asked in of_releases} == of_releases


@pytest.mark.rule("known-upgrades", "What is known of an upgrade is known of those releases that it goes to.")
@pytest.mark.parametrize(
    ("version", "upgrade", "is_known"),
    [("3.1.15", "3.9.1", True), ("3.1.15", "3.2.1", False), ("3.3.4", "3.9.1", False), ("3.1.15", "", False)],
)
def test_an_upgrade_is_known_by_both_releases(version: str, upgrade: str, is_known: bool) -> None:
    known = KnownPromise(
        name="ticks", backlogs=("upcoming",), doors=("server-upgrade",), outcome="duplicate", versions="<3.2.2",
        upgraded_to=">=3.2.2",
    )  # fmt: skip
    assert known.is_of("upcoming", DOORS["server-upgrade"], version, {"upgrade": upgrade}) is is_known


@pytest.mark.rule("not-applicable-database", "A door on a database server is not applicable where there is none.")
def test_a_database_in_a_file_has_no_server_to_restart() -> None:
    (cell,) = planned("database-restart", subject="3.1.15").cells
    assert cell.outcome == "not-applicable"
    assert cell.reason == "database-restart is for the database postgres; this one is sqlite"
