"""What a door takes from trials that it is not opened on: a finding of that door, and no verdict of theirs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from harness.verdict.outcomes import EXIT_CONTRADICTED, exit_code, objection
from tests.fakes.fake_api import GONE
from tests.fakes.fake_lab import Entry, FakeLab, counts, judged, verdict
from tests.fakes.fake_prefect import Deployment, Run

KEPT = counts(at_risk=3, kept=3)
OUTAGE, LIMIT = "worker-outage", "concurrency-limit"
DOORS = ["pause-deployment", "patch-deployment", "none"]
LOOK_UP = "^GET /flow_runs/"
WAITING = ("Late", "AwaitingConcurrencySlot")


def paused(lab: FakeLab, scenario: str = OUTAGE) -> Deployment | None:
    """The deployment that the door pause-deployment is opened on, once it is paused."""
    name = f"{scenario}--pause-deployment"
    return next((d for d in lab.prefect.deployments.values() if d.name == name and d.paused), None)


def waiting(lab: FakeLab, family: str) -> list[Run]:
    return [run for run in lab.prefect.runs_of(family) if run.state_name in WAITING]


def by_door(lab: FakeLab, *scenarios: str) -> dict[tuple[str, str], Entry]:
    return {(entry.scenario, entry.door): entry for entry in lab.trials(*scenarios, doors=DOORS)}


@pytest.mark.rule("bystanders-taken", "A trial whose runs another door deleted has no verdict.")
@pytest.mark.rule("bystanders-contradict", "A door that touches runs of other trials contradicts, whatever is known.")
def test_a_door_that_takes_what_waits_of_every_deployment_says_so_and_the_others_have_no_verdict(lab: FakeLab) -> None:
    def take_all() -> None:
        if paused(lab):
            lab.backlog(OUTAGE).delete(waiting(lab, f"{OUTAGE}-treated"))

    lab.backlog(OUTAGE).on_update(take_all)
    entries = by_door(lab, OUTAGE)
    pause = entries[OUTAGE, "pause-deployment"]
    assert judged(pause) == verdict("lost", treated=counts(at_risk=3, lost=3), twin=KEPT)
    assert pause.bystanders_lost == 6
    said = "the door deleted 6 runs of deployments that it was not opened on; 3 of 3 runs at risk are gone"
    assert pause.reason.startswith(said)
    for door in ("patch-deployment", "none"):
        other = entries[OUTAGE, door]
        assert (other.outcome, other.bystanders_lost) == ("inconclusive", 0)
        assert "the door pause-deployment of worker-outage, opened beside it in this lab" in other.reason
    assert exit_code(entries.values()) == EXIT_CONTRADICTED


@pytest.mark.rule("bystanders-lost", "A door that deletes runs of other trials alone is lost.")
def test_a_door_that_takes_from_others_alone_is_no_survival(lab: FakeLab) -> None:
    taken = iter([True])

    def take_one_of_another() -> None:
        if paused(lab) and next(taken, False):
            others = [run for run in waiting(lab, f"{OUTAGE}-treated") if run.deployment.name == f"{OUTAGE}--none"]
            lab.backlog(OUTAGE).delete(others[:1])

    lab.backlog(OUTAGE).on_update(take_one_of_another)
    entries = by_door(lab, OUTAGE)
    pause = entries[OUTAGE, "pause-deployment"]
    assert judged(pause) == verdict("lost", treated=KEPT, twin=KEPT)
    assert (pause.as_expected, pause.bystanders_lost) == (None if pause.expected is None else False, 1)
    assert objection(pause)
    assert entries[OUTAGE, "patch-deployment"].outcome == "survived"
    assert entries[OUTAGE, "none"].outcome == "inconclusive"


@pytest.mark.rule("bystanders-all-scenarios", "Runs of other scenarios are looked at too.")
@pytest.mark.parametrize("side", ["treated", "twin"])
def test_a_door_that_takes_from_another_scenario_says_so(lab: FakeLab, side: str) -> None:
    taken: list[tuple[str, str]] = []

    def take_from(other: str, scenario: str) -> None:
        # The door that is opened second: then the other scenario's backlog stands.
        if paused(lab, scenario) and paused(lab, other) and not taken:
            lab.backlog(other).delete(lab.prefect.runs_of(f"{other}-{side}")[:1])
            taken.append((scenario, other))

    for scenario, other in ((OUTAGE, LIMIT), (LIMIT, OUTAGE)):
        lab.backlog(scenario).on_update(partial(take_from, other, scenario))
    entries = by_door(lab, OUTAGE, LIMIT)
    ((scenario, other),) = taken
    pause = entries[scenario, "pause-deployment"]
    # `inconclusive` where a door of the other trial's own had been opened by then.
    assert (pause.outcome, pause.bystanders_lost) in (("lost", 1), ("inconclusive", 0))
    (event,) = (e for e in lab.history(scenario, "pause-deployment") if e["kind"] == "bystanders")
    assert len(event["unlisted"]) == 1
    outcomes = [entry.outcome for (of, _), entry in entries.items() if of == other]
    assert outcomes.count("inconclusive") == (3 if side == "twin" else 1)


@pytest.mark.rule("bystanders-own-door-first", "A run whose own door was opened before may be gone by that one.")
def test_a_run_whose_own_door_was_opened_before_may_be_gone_by_that_one(lab: FakeLab) -> None:
    taken = iter([True])

    def take_of_the_first() -> None:
        if paused(lab) and next(taken, False):
            first = [
                run for run in waiting(lab, f"{OUTAGE}-treated") if run.deployment.name.endswith("patch-deployment")
            ]
            lab.backlog(OUTAGE).delete(first[:1])

    lab.backlog(OUTAGE).on_update(take_of_the_first)
    entries = {entry.door: entry for entry in lab.trials(OUTAGE, doors=["patch-deployment", "pause-deployment"])}
    assert {door: entry.outcome for door, entry in entries.items()} == dict.fromkeys(entries, "inconclusive")
    assert "all of trials whose own door had been opened before" in entries["pause-deployment"].reason
    assert entries["pause-deployment"].bystanders_lost == 0


def test_the_null_door_is_blamed_for_nothing(lab: FakeLab) -> None:
    def take_later() -> None:
        other = [run for run in waiting(lab, f"{OUTAGE}-treated") if run.deployment.name.endswith("patch-deployment")]
        lab.backlog(OUTAGE).delete(other[:1])

    # As the door `none` looks at the twin after it was opened, the runs of the other trial are listed next.
    number = 2 * 2 + 2
    lab.prefect.on_request("^GET /deployments/[^/]+$", number, take_later)
    entries = {entry.door: entry for entry in lab.trials(OUTAGE, doors=["none", "patch-deployment"])}
    assert entries["none"].outcome in ("survived", "inconclusive"), entries["none"].reason
    assert entries["patch-deployment"].outcome == "inconclusive"


@pytest.mark.rule(
    "bystanders-while-twin-answers", "A run of another trial is gone only while a run of the twin answers."
)
def test_a_bystander_that_is_gone_while_the_twin_does_not_answer_is_not_lost(lab: FakeLab) -> None:
    def take_one_and_answer_nobody() -> None:
        if paused(lab):
            others = [run for run in waiting(lab, f"{OUTAGE}-treated") if run.deployment.name == f"{OUTAGE}--none"]
            lab.backlog(OUTAGE).delete(others[:1])
            lab.prefect.refuse(LOOK_UP, 404, GONE, times=4)

    lab.backlog(OUTAGE).on_update(take_one_and_answer_nobody)
    pause = by_door(lab, OUTAGE)[OUTAGE, "pause-deployment"]
    assert (pause.outcome, pause.bystanders_lost) == ("inconclusive", 1)
    assert "and so was a run of the twin" in pause.reason


@pytest.mark.rule("door-own-flow", "Each treated deployment has a flow of its own.")
def test_what_a_door_takes_by_the_flow_is_of_its_own_trial_alone(lab: FakeLab) -> None:
    def take_by_flow() -> None:
        if there := paused(lab):
            late = [run for run in lab.prefect.runs.values() if run.flow == there.flow and run.state_name == "Late"]
            lab.backlog(OUTAGE).delete(late)

    lab.backlog(OUTAGE).on_update(take_by_flow)
    entries = by_door(lab, OUTAGE)
    assert judged(entries[OUTAGE, "pause-deployment"]) == verdict("lost", treated=counts(at_risk=3, lost=3), twin=KEPT)
    for door in ("patch-deployment", "none"):
        assert judged(entries[OUTAGE, door]) == verdict("survived", treated=KEPT, twin=KEPT)
    assert not any(entry.bystanders_lost for entry in entries.values())


def test_a_bystanders_run_that_is_there_under_no_deployment_is_not_lost(lab: FakeLab) -> None:
    def give_away() -> None:
        if there := paused(lab):
            others = [run for run in waiting(lab, f"{OUTAGE}-treated") if run.deployment is not there]
            others[0].deployment = Deployment("x", "x", OUTAGE, lab.clock.now(), id="another")

    lab.backlog(OUTAGE).on_update(give_away)
    assert by_door(lab, OUTAGE)[OUTAGE, "pause-deployment"].bystanders_lost == 0


@pytest.mark.rule("bystanders-by-id", "A run of another trial that is there by its id is not lost.")
def test_a_bystander_that_is_there_by_its_id_and_in_no_listing_is_not_lost_and_no_verdict_is_given(
    lab: FakeLab,
) -> None:
    def hide_one() -> None:
        if paused(lab):
            others = [run for run in waiting(lab, f"{OUTAGE}-treated") if run.deployment.name == f"{OUTAGE}--none"]
            lab.prefect.hidden.add(others[0].id)

    lab.backlog(OUTAGE).on_update(hide_one)
    pause = by_door(lab, OUTAGE)[OUTAGE, "pause-deployment"]
    assert (pause.outcome, pause.bystanders_lost) == ("inconclusive", 0)
    assert "of another deployment is in no listing, and is there by its id" in pause.reason


def rename(run: Run) -> None:
    run.name += "-renamed"


def give_parameters(run: Run) -> None:
    run.parameters = {"note": "another"}


ALTERATIONS: dict[str, Callable[[FakeLab, Run], None]] = {
    "name was": lambda _lab, run: rename(run),
    "parameters was": lambda _lab, run: give_parameters(run),
    "state was": lambda lab, run: lab.prefect.set_state(run, "CANCELLED", "Cancelled"),
    "Completed, and it did not run": lambda lab, run: lab.prefect.set_state(run, "COMPLETED", "Completed"),
}


@pytest.mark.rule("bystanders-altered", "A door that alters runs of other trials did not survive.")
@pytest.mark.rule("bystanders-altered-by-another", "A trial whose runs another door altered has no verdict.")
@pytest.mark.rule(
    "bystanders-completed-ran", "A run of another trial that is called Completed and never ran is altered."
)
@pytest.mark.parametrize("said", ALTERATIONS)
def test_a_door_that_alters_runs_of_others_is_no_survival_and_the_others_have_no_verdict(
    lab: FakeLab, said: str
) -> None:
    altered = iter([True])

    def alter_one_of_another() -> None:
        if paused(lab) and next(altered, False):
            others = [run for run in waiting(lab, f"{OUTAGE}-treated") if run.deployment.name == f"{OUTAGE}--none"]
            ALTERATIONS[said](lab, others[0])

    lab.backlog(OUTAGE).on_update(alter_one_of_another)
    entries = by_door(lab, OUTAGE)
    pause = entries[OUTAGE, "pause-deployment"]
    assert judged(pause) == verdict("altered", treated=KEPT, twin=KEPT)
    assert (pause.bystanders_lost, pause.bystanders_altered) == (0, 1)
    assert said in pause.reason
    assert objection(pause)
    assert exit_code(entries.values()) == EXIT_CONTRADICTED
    assert entries[OUTAGE, "patch-deployment"].outcome == "survived"
    other = entries[OUTAGE, "none"]
    assert (other.outcome, other.bystanders_altered) == ("inconclusive", 0)
    assert "the door pause-deployment of worker-outage, opened beside it in this lab, altered its run" in other.reason


@pytest.mark.rule("bystanders-going-on", "A run of another trial that goes on is not altered.")
def test_a_run_that_goes_on_while_another_door_is_open_was_not_altered(lab: FakeLab) -> None:
    def go_on() -> None:
        if paused(lab):
            others = [run for run in waiting(lab, f"{OUTAGE}-treated") if run.deployment.name == f"{OUTAGE}--none"]
            lab.backlog(OUTAGE).pick_up(others[:1])

    lab.backlog(OUTAGE).on_update(go_on)
    entries = by_door(lab, OUTAGE)
    assert not any(entry.bystanders_altered for entry in entries.values())
    assert entries[OUTAGE, "pause-deployment"].outcome == "survived"


@pytest.mark.rule("bystanders-own-door-altered", "A run whose own door was opened before may be altered by that one.")
def test_a_run_that_was_altered_though_its_own_door_was_opened_before_blames_no_other(lab: FakeLab) -> None:
    altered = iter([True])

    def alter_one_of_the_first() -> None:
        if paused(lab) and next(altered, False):
            first = [run for run in waiting(lab, f"{OUTAGE}-treated") if "patch-deployment" in run.deployment.name]
            rename(first[0])

    lab.backlog(OUTAGE).on_update(alter_one_of_the_first)
    entries = {entry.door: entry for entry in lab.trials(OUTAGE, doors=["patch-deployment", "pause-deployment"])}
    assert {door: entry.outcome for door, entry in entries.items()} == dict.fromkeys(entries, "inconclusive")
    assert entries["pause-deployment"].bystanders_altered == 0
