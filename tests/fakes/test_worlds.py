"""The judge against drawn worlds: no false `survived`, no false `lost`; and the truth that it is held to."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings

from tests.fakes import worlds
from tests.fakes.fake_lab import FakeLab
from tests.fakes.truth import Truth
from tests.fakes.worlds import MOMENTS, SCENARIOS, Deed, Strike, World, carry_out

OUTAGE = "worker-outage"
DOOR = ("prefect-deploy",)
# What a single deed to one treated run at the update comes to, by docs/verdicts.md.
FOUND: dict[Strike, str] = {
    worlds.delete: "lost",
    worlds.recreate: "lost",
    worlds.reinsert: "altered",
    worlds.rename: "altered",
    worlds.give_parameters: "altered",
    worlds.tag: "altered",
    worlds.move_to_queue: "altered",
    worlds.cancel: "altered",
    worlds.call_completed: "altered",
    worlds.call_run_and_completed: "altered",
    worlds.execute_again: "altered",
    worlds.strand: "stranded",
    worlds.fail: "altered",
    # A worker had them before the answer, so that too few were at risk.
    worlds.pick_up: "inconclusive",
    worlds.pick_up_with_other_parameters: "inconclusive",
}


# Two workers share them in CI: each half is a test of its own.
@pytest.mark.parametrize("half", [0, 1])
def test_no_world_gets_a_false_verdict(half: int) -> None:
    @settings(deadline=None, derandomize=True, database=None, max_examples=250, suppress_health_check=list(HealthCheck))
    @given(worlds.worlds_of(SCENARIOS[half::2]))
    def look(world: World) -> None:
        with tempfile.TemporaryDirectory(prefix="world-") as folder:
            for told in carry_out(world, Path(folder) / "lab"):
                event(told.outcome)
                assert not told.false, told

    look()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_world_in_which_nothing_happens_survives(scenario: str, tmp_path: Path) -> None:
    (told,) = carry_out(World(scenario, DOOR, ()), tmp_path / "lab")
    assert (told.outcome, told.survived, told.lost) == ("survived", True, False), told


@pytest.mark.parametrize("strike", FOUND, ids=lambda strike: strike.__name__)
def test_one_deed_of_the_updates_is_found_as_what_it_is(strike: Strike, tmp_path: Path) -> None:
    deed = Deed(strike, of=0, which=1, many=1, moment=MOMENTS[1], door=0)
    (told,) = carry_out(World(OUTAGE, DOOR, (deed,)), tmp_path / "lab")
    assert told.outcome == FOUND[strike], told.reason
    assert told.survived == (strike is worlds.pick_up)
    assert told.lost == (FOUND[strike] == "lost")


@pytest.mark.parametrize("lie", worlds.LIES, ids=lambda lie: lie.__name__)
@pytest.mark.parametrize("deleted", [False, True])
def test_a_lie_is_never_believed(lie: Strike, deleted: bool, tmp_path: Path) -> None:
    lies = Deed(lie, of=0, which=0, many=1, moment=MOMENTS[1], door=0)
    deletion = Deed(worlds.delete, of=0, which=0, many=1, moment=MOMENTS[1], door=0)
    (told,) = carry_out(World(OUTAGE, DOOR, (lies, *([deletion] if deleted else []))), tmp_path / "lab")
    assert not told.false, told
    assert told.survived is (not deleted and lie is not worlds.stop_marking)


# What 20,000 drawn worlds called survived, and was not: each by a door that did something to a run of another trial.
SLOT = "concurrency-limit"
FOUND_BY_DRAWING = {
    "cancelled, and in no listing since before": World(
        SLOT,
        ("prefect-deploy", "pause-deployment"),
        (Deed(worlds.cancel, 0, 0, 1, MOMENTS[1], 1), Deed(worlds.hide, 0, 0, 3, MOMENTS[1], 0)),
    ),
    "deleted, and look-ups are answered from a cache": World(
        OUTAGE,
        ("patch-deployment", "none"),
        (Deed(worlds.lie_there, 0, 0, 3, MOMENTS[2], 0), Deed(worlds.delete, 0, 2, 1, MOMENTS[1], 1)),
    ),
    "renamed, and in no listing any more": World(
        OUTAGE,
        ("pause-deployment", "patch-deployment"),
        (Deed(worlds.rename, 1, 0, 3, MOMENTS[2], 0), Deed(worlds.hide, 1, 0, 3, MOMENTS[2], 0)),
    ),
    "inserted again under its id": World(
        SLOT, ("prefect-deploy", "none"), (Deed(worlds.reinsert, 0, 0, 3, MOMENTS[1], 1),)
    ),
}


@pytest.mark.rule(
    "bystanders-both-sources", "A run of another trial that is there and in no listing forbids a verdict."
)
@pytest.mark.rule("bystanders-inserted-again", "A run of another trial that was made again under its id is altered.")
@pytest.mark.parametrize("found", FOUND_BY_DRAWING)
def test_what_a_door_does_to_another_trials_run_is_no_survival_though_a_source_hides_it(
    found: str, tmp_path: Path
) -> None:
    world = FOUND_BY_DRAWING[found]
    told = carry_out(world, tmp_path / "lab")
    assert [one.false for one in told] == ["", ""]
    assert told[0 if "renamed" in found else 1].outcome != "survived"


# The truth itself.


@pytest.fixture
def staged(lab: FakeLab) -> tuple[FakeLab, Truth]:
    """A lab after a sound trial, whose truth looked when its door opened."""
    truth = Truth(lab.prefect, f"{OUTAGE}--prefect-deploy", f"{OUTAGE}--twin", "Late")
    lab.prefect.on(f"{OUTAGE}-treated", "update begins", truth.door_opens)
    assert lab.trial(OUTAGE).outcome == "survived"
    return lab, truth


def test_what_completed_as_it_was_survived(staged: tuple[FakeLab, Truth]) -> None:
    _, truth = staged
    assert (truth.survived(3), truth.survived(4), truth.lost()) == (True, False, False)


def test_what_is_gone_and_ran_is_neither_lost_nor_survived(staged: tuple[FakeLab, Truth]) -> None:
    lab, truth = staged
    del lab.prefect.runs[lab.prefect.runs_of(f"{OUTAGE}-treated")[0].id]
    assert (truth.survived(3), truth.lost()) == (False, False)


def test_what_is_gone_and_never_ran_is_lost_unless_the_twin_lacks_one_too(staged: tuple[FakeLab, Truth]) -> None:
    lab, truth = staged
    gone = lab.prefect.runs_of(f"{OUTAGE}-treated")[0].id
    del lab.prefect.runs[gone]
    lab.prefect.executions = [each for each in lab.prefect.executions if each[1]["run"] != gone]
    assert (truth.survived(3), truth.lost()) == (False, True)
    del lab.prefect.runs[lab.prefect.runs_of(f"{OUTAGE}-twin")[0].id]
    assert (truth.survived(3), truth.lost()) == (False, False)


def test_another_run_under_the_same_id_is_not_the_run(staged: tuple[FakeLab, Truth]) -> None:
    lab, truth = staged
    run = lab.prefect.runs_of(f"{OUTAGE}-treated")[0]
    worlds.reinsert(lab.prefect, run)
    lab.prefect.set_state(lab.prefect.runs[run.id], "COMPLETED", "Completed")
    assert not truth.survived(3)


@pytest.mark.parametrize("strike", [worlds.rename, worlds.tag, worlds.give_parameters, worlds.execute_again])
def test_what_is_not_as_it_was_did_not_survive(staged: tuple[FakeLab, Truth], strike: Strike) -> None:
    lab, truth = staged
    strike(lab.prefect, lab.prefect.runs_of(f"{OUTAGE}-treated")[0])
    assert not truth.survived(3)


@pytest.mark.parametrize("strike", [worlds.rename, worlds.cancel])
def test_a_door_that_altered_a_run_of_another_deployment_is_no_survival(
    staged: tuple[FakeLab, Truth], strike: Strike
) -> None:
    lab, truth = staged
    other = Truth(lab.prefect, "another", "its twin", "Late")
    other.door_opens()
    other.door_is_shut({})
    assert not other.altered
    strike(lab.prefect, lab.prefect.runs_of(f"{OUTAGE}-treated")[0])
    other.door_is_shut({})
    assert len(other.altered) == 1
    assert not other.survived(0)
    assert truth.survived(3) is (strike is worlds.cancel)
