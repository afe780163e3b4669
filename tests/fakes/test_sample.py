"""A drain that has the first runs of each side executed: what it does for the others, and what that comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from harness.trials import phases
from harness.trials.scenario import load_scenarios
from tests.fakes.fake_lab import FakeLab
from tests.fakes.fake_prefect import LIFTED, Run

OUTAGE, RUNS, SAMPLE = "worker-outage", 8, 3


@pytest.fixture(autouse=True)
def sampled(lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Stage eight runs a side, of which the drain waits for three; called with another number, for so many."""

    def with_a_sample_of(number: int) -> None:
        found = {**load_scenarios()}
        found[OUTAGE] = replace(found[OUTAGE], sample=number, ticks=RUNS, minimum=RUNS)
        monkeypatch.setattr(phases, "load_scenarios", lambda: found)

    with_a_sample_of(SAMPLE)
    return with_a_sample_of


def at_risk(lab: FakeLab, of: str) -> list[Run]:
    """The runs of this deployment (the end of its name), by when they are due."""
    backlog = lab.backlog(OUTAGE)
    runs = [*backlog.at_risk("treated"), *backlog.at_risk("twin")]
    return sorted((run for run in runs if run.deployment.name.endswith(of)), key=lambda run: (run.expected, run.id))


def as_the_door_is_opened(lab: FakeLab, change: Callable[[], None]) -> None:
    lab.backlog(OUTAGE).on_update(change)


def left_from(lab: FakeLab, number: int, of: str = "prefect-deploy") -> None:
    """No worker picks up the runs of this deployment from this one on."""

    def leave() -> None:
        for run in at_risk(lab, of)[number:]:
            run.never_picked_up = True

    as_the_door_is_opened(lab, leave)


def drained(lab: FakeLab, door: str = "prefect-deploy") -> tuple[bool, int, int]:
    """Whether the drain of a trial ended as its sample had; the runs that held a slot then; restarts of the worker."""
    (found,) = (line for line in lab.history(OUTAGE, door) if line["kind"] == "drained")
    return found["sampled"], found["holding"], found["restarts"]


def outcome(lab: FakeLab, *doors: str) -> str | None:
    """What the first door comes to, opened beside the others."""
    entries = lab.trials(OUTAGE, doors=doors or ("prefect-deploy",))
    return next(entry.outcome for entry in entries if entry.door == (doors or ("prefect-deploy",))[0])


def test_what_the_drain_does_not_come_to_is_no_loss(lab: FakeLab) -> None:
    (entry,) = lab.trials(OUTAGE)
    assert entry.outcome == "survived", entry.reason
    assert drained(lab)[0]


def test_beside_a_pool_of_its_own_every_run_is_asked(lab: FakeLab) -> None:
    left_from(lab, SAMPLE)
    assert outcome(lab, "prefect-deploy", "queue-limit") == "stranded"
    assert not drained(lab)[0]


def test_where_the_sample_of_another_trial_never_ends_every_run_is_asked(lab: FakeLab) -> None:
    left_from(lab, SAMPLE)
    left_from(lab, 0, of="patch-deployment")
    assert outcome(lab, "prefect-deploy", "patch-deployment") == "stranded"


def test_a_worker_that_leaves_both_sides_is_no_verdict(lab: FakeLab) -> None:
    left_from(lab, SAMPLE - 1)
    left_from(lab, SAMPLE, of="twin")
    assert outcome(lab) == "inconclusive"


@pytest.mark.rule("drain-looks-beside-the-sample", "What hangs beside a sample holds what its runs wait for.")
@pytest.mark.parametrize("sample", [SAMPLE, 0])
def test_a_run_that_hangs_beside_the_sample_holds(lab: FakeLab, sampled: Callable[[int], None], sample: int) -> None:
    def hang() -> None:
        for run in at_risk(lab, "patch-deployment")[SAMPLE:]:
            run.never_ends = True
        at_risk(lab, "prefect-deploy")[SAMPLE - 1].never_picked_up = True

    sampled(sample)
    as_the_door_is_opened(lab, hang)
    assert outcome(lab, "prefect-deploy", "patch-deployment") == "inconclusive"
    by_sample, holding, _ = drained(lab)
    assert (by_sample, holding > 0) == (False, True)


@pytest.mark.rule("drain-beside-the-sample-moves", "A drain does not end while runs beside the sample are executed.")
def test_a_sample_that_waits_longer_than_the_others_take_is_waited_for(lab: FakeLab) -> None:
    def put_off() -> None:
        first, *others = at_risk(lab, "prefect-deploy")
        for number, run in enumerate([*others, first]):
            run.next_start = lab.clock.now() + timedelta(seconds=10 * number)

    as_the_door_is_opened(lab, put_off)
    outcome(lab)
    assert drained(lab)[0]


@pytest.mark.parametrize("sample", [SAMPLE, 0])
def test_a_worker_that_leaves_a_sample_alone_is_started_again(
    lab: FakeLab, sampled: Callable[[int], None], sample: int
) -> None:
    starts, left = [], list[Run]()

    def leave() -> None:
        left.extend([*at_risk(lab, "prefect-deploy")[SAMPLE - 1 :], *at_risk(lab, "twin")[SAMPLE:]])
        for run in left:
            run.never_picked_up = True

    def start() -> None:
        starts.append(1)
        for run in left if len(starts) > 1 else ():
            run.never_picked_up = False

    sampled(sample)
    as_the_door_is_opened(lab, leave)
    lab.prefect.on(f"worker-{OUTAGE}", LIFTED, start)
    assert outcome(lab) == "survived"
    assert drained(lab)[2] == 1
