"""Which ticks beside a door of a plan are explained by a finding, and which stay news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from harness.chaos.plans import DOORS
from harness.chaos.results import BROKEN
from harness.checkers import Check
from harness.checkers.ticks import Ticks
from harness.doors import load_doors
from harness.history import moment
from harness.known import load_known_ticks
from harness.verdict.outcomes import Verdict
from harness.verdict.plans import OVERDUE, Opened, promises_of
from harness.verdict.ticks_at_doors import AtDoor, Taken, at_door
from harness.words.events import DeploymentRead, DoorClosed, DoorOpens, Event, Listing, States
from harness.words.facts import Deployment, FlowRun, RunState, Schedule
from harness.words.places import ROOT
from harness.words.promises import Promise

DROPPED, TAKEN, RACED = (
    f"docs/findings/{name}"
    for name in (
        "a-deploy-just-before-a-tick-drops-it",
        "a-tick-that-a-worker-has-taken-runs-twice",
        "an-upsert-may-run-each-tick-twice",
    )
)
OPENED = datetime(2026, 1, 1, 0, 1, tzinfo=timezone.utc)  # the door is answered 2 s later
ANSWERED = OPENED + timedelta(seconds=2)
OLD, NEW, OTHER = (f"{number}0000000-0000-0000-0000-000000000000" for number in "123")
Run = tuple[float, float, str, "float | None"]  # tick, when it was made, its schedule, when it became Pending

TAKEN_PAIR: list[Run] = [(4, -600, OLD, 1.5), (4, 2.5, NEW, 4.0)]


def at(seconds: float) -> str:
    """So many seconds after the door was opened."""
    return (OPENED + timedelta(seconds=seconds)).isoformat()


def made(run: str, tick: float, created: float, schedule: str, *, side: str = "treated") -> FlowRun:
    key = f"scheduled {OTHER} {schedule} {at(tick)}"
    return FlowRun(
        run=run, side=side, expected_start_time=at(tick), created=at(created), idempotency_key=key, auto_scheduled=True
    )


def history(*runs: Run, there: Sequence[float] = (), side: str = "treated") -> list[Event]:
    """A door that made schedule OLD anew, as NEW; the runs at the end, and the ticks that had one just after it."""
    read = [Deployment(id="d", schedules=[Schedule(id=schedule)]) for schedule in (OLD, NEW)]
    end = [made(str(number), *run[:3], side=side) for number, run in enumerate(runs)]
    states = [
        States(when="after the drain", run=str(number), side="treated", states=[pending(run[3])] if run[3] else [])
        for number, run in enumerate(runs)
    ]
    return [
        DeploymentRead(side="treated", when="before", deployment=read[0]),
        DeploymentRead(side="treated", when="after", deployment=read[1]),
        DoorOpens(at=at(0), door="prefect-deploy", nonce=""),
        DoorClosed(at=at(3), door="prefect-deploy", nonce="", answered_at=ANSWERED.isoformat()),
        Listing(when="after the door", runs=[made(f"there {tick}", tick, 0, OLD) for tick in there]),
        Listing(when="after the drain", runs=end),
        *states,
    ]


def pending(seconds: float) -> RunState:
    return RunState(id="s", type="PENDING", name="Pending", timestamp=at(seconds))


def opened(
    events: Sequence[Event] = (),
    *,
    missing: Sequence[float] = (),
    duplicate: Sequence[float] = (),
    name: str = "prefect-deploy",
    of: str = "a",
) -> Opened:
    came_to = "missing" if missing else "duplicate" if duplicate else "whole"
    found = Ticks(1, tuple(map(at, missing)), tuple(map(at, duplicate)))
    checks = {"ticks": Check(found=found, promise=Promise(outcome=came_to, reason="so it is"))}
    family = "" if name == "none" else "update"
    return Opened(name, family, of, Verdict("survived", "so it is", checks=checks), at_door(events))


def known(*doors: Opened, version: str = "3.9.1") -> str:
    """What the first door's ticks are explained by."""
    seen = promises_of(doors, version)[0]["ticks"]
    assert seen.came_to == BROKEN
    return seen.known


@pytest.mark.rule("tick-beside-after-the-door", "No door explains what became of a tick that was past as it opened.")
@pytest.mark.rule("tick-dropped-soon", "A door explains a tick without a run only where it comes some seconds after.")
@pytest.mark.rule("tick-dropped-had-no-run", "A tick that had a run just after the door was not dropped by it.")
@pytest.mark.rule("tick-dropped-before-a-pass", "Nor was one that a pass of the scheduler came before.")
def test_a_tick_just_after_an_update_is_known_to_be_dropped() -> None:
    for tick, why in ((-0.1, ""), (0.1, DROPPED), (2.1, DROPPED), (6.9, DROPPED), (7.1, ""), (300, "")):
        assert known(opened(history(), missing=[tick])) == why, tick
    assert not known(opened(history(there=[4]), missing=[4]))
    assert not known(opened(history((300, 3.5, NEW, None)), missing=[4])), "a pass at 3.5 would have made it"
    for created in (4.5, -60):
        assert known(opened(history((300, created, NEW, None)), missing=[4])) == DROPPED
    assert not known(opened(missing=[4])), "nothing is known of when the door was opened"


@pytest.mark.rule("known-tick-of-a-door", "What is known of a tick is known of some doors and releases alone.")
@pytest.mark.rule("plan-ticks-of-its-deployment", "A door explains no tick of another deployment.")
@pytest.mark.rule("plan-each-tick-is-explained", "Ticks are known to break only if each of them is explained.")
@pytest.mark.rule("plan-tick-comes-to-what-is-known", "A tick that is twice is not explained by one that is dropped.")
def test_every_tick_has_to_be_explained_by_a_door_of_its_deployment() -> None:
    near = opened(history(), missing=[4])
    assert known(opened(missing=[4]), near) == DROPPED, "by any door of the deployment"
    assert not known(opened(missing=[4]), opened(history(), missing=[4], of="b"))
    assert not known(opened(history(), missing=[4], name="none"))
    assert not known(opened(history(*TAKEN_PAIR), duplicate=[4]), version="3.2.1")
    assert not known(opened(history(), missing=[4, 300]))
    assert not known(opened(history(), missing=[4], duplicate=[5]))
    assert not known(opened(history(), duplicate=[4]))


@pytest.mark.rule("tick-twice-is-two", "A tick with three runs is not known.")
@pytest.mark.rule("tick-twice-by-another-schedule", "A tick is known to be twice by two schedules, old and new.")
@pytest.mark.rule("tick-taken-as-it-was-answered", "Only a run that was taken by then is left beside the new one.")
@pytest.mark.rule("tick-taken-of-its-schedule", "The first run is of the schedule as it was before the door.")
@pytest.mark.rule("tick-taken-soon", "A worker takes no run that is due much later.")
def test_a_tick_whose_run_a_worker_had_taken_is_known_to_run_twice() -> None:
    old, new = TAKEN_PAIR
    assert known(opened(history(old, new), duplicate=[4])) == TAKEN
    assert known(opened(history(new, old), duplicate=[4])) == TAKEN
    for version in ("3.2.1", "3.1.0"):
        assert not known(opened(history(old, new), duplicate=[4]), version=version)
    for name in ("patch-deployment", "patch-twice"):
        assert not known(opened(history(old, new), duplicate=[4], name=name))
    for pair in (
        [old, new, new],
        [old],
        [(4, -600, NEW, 1.5), new],  # of one schedule
        [old, (4, 2.5, OTHER, 4.0)],  # of one that the deployment does not have
        [(4, -600, OLD, 2.1), new],  # taken after the door was answered
        [(4, -600, OLD, None), new],
        [(4, -600, OTHER, 1.5), new],
    ):
        assert not known(opened(history(*pair), duplicate=[4])), pair
    assert not known(opened(history((13, -600, OLD, 1.5), (13, 2.5, NEW, 4.0)), duplicate=[13]))
    assert not known(opened(history(old, new, side="twin"), duplicate=[4]))


@pytest.mark.rule("tick-raced-by-a-pass", "The first run of a tick that is raced twice was written beside the door.")
def test_a_tick_whose_run_a_pass_wrote_within_the_update_is_known_to_run_twice() -> None:
    for created, why in ((-0.1, ""), (0.1, RACED), (6.9, RACED), (7.1, "")):
        runs: list[Run] = [(900, created, OLD, None), (900, 7.5, NEW, None)]
        assert known(opened(history(*runs), duplicate=[900])) == why, created
    within: list[Run] = [(900, 1, OTHER, None), (900, 3, NEW, None)]  # of several upserts: of one in between
    assert known(opened(history(*within), duplicate=[900], name="upsert-storm")) == RACED
    assert not known(opened(history(*within), duplicate=[900]), version="3.2.1")


def test_what_is_known_of_ticks_names_doors_of_plans_and_findings_that_there_are() -> None:
    families = {name: door.family for name, door in load_doors().items()}
    for one in load_known_ticks():
        assert {*one.doors} <= {*DOORS} and {*one.families} <= {families[name] for name in DOORS}
        assert (ROOT / one.reference / "README.md").exists()


def test_a_run_that_was_upcoming_as_the_door_opened_and_due_as_it_was_answered_is_a_tick_that_was_dropped() -> None:
    for tick, why in ((1, DROPPED), (-1, "")):
        one = opened(history(), missing=[tick])
        one = Opened(
            one.name, one.family, "a", one.verdict, AtDoor(OPENED, ANSWERED, frozenset({Taken("r", moment(at(tick)))}))
        )
        seen = promises_of([one], "3.9.1")[0]
        assert [(seen[name].came_to, seen[name].known) for name in (OVERDUE, "ticks")] == 2 * [(BROKEN, why)]


@pytest.mark.rule(
    "plan-ticks-not-by-hand", "A run that a person created for the time of a tick is no run of that tick."
)
def test_a_tick_is_not_explained_by_the_loss_of_a_run_that_a_person_created() -> None:
    for by_hand, why in ((False, "PrefectHQ/prefect#17764"), (True, "")):
        took = AtDoor(OPENED, ANSWERED, frozenset({Taken("r", moment(at(-60)), by_hand)}))
        assert known(replace(opened(missing=[-60]), at=took), version="3.3.3") == why
