"""A door on a work pool: its treated deployment has a pool and a worker of its own, so that the twin is a control."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import harness.doors
from harness.doors import load_doors
from harness.runs.plan import spread_over_labs
from tests.fakes.fake_lab import FakeLab, counts, judged, verdict

OUTAGE, CHANGE = "worker-outage", "change-pool"
POOL = f"{OUTAGE}--{CHANGE}"
KEPT = counts(at_risk=3, kept=3)
DOOR = '''"""PATCH /work_pools/{name} of its description."""

from harness.doors import Door
from harness.doors._http import by_requests, request

door = Door(
    request("PATCH", "/work_pools/{pool}", {"description": "another"}),
    by_requests("PATCH /api/work_pools/{pool} "),
    own_pool=True,
)
'''


@pytest.fixture
def door_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts a file into the room of doors; it is gone afterwards."""

    def write(text: str) -> None:
        (tmp_path / "change_pool.py").write_text(text, encoding="utf-8")
        monkeypatch.setattr(harness.doors, "__path__", [*harness.doors.__path__, str(tmp_path)])
        monkeypatch.delitem(sys.modules, "harness.doors.change_pool", raising=False)
        load_doors.cache_clear()

    yield write
    load_doors.cache_clear()


@pytest.fixture
def with_the_door(door_file: Callable[[str], None]) -> None:
    """The door, in the room of doors."""
    door_file(DOOR)


def take_all_in(lab: FakeLab, pool: str) -> None:
    """As the pool is changed, the runs that it holds are deleted."""

    def delete() -> None:
        for run in [run for run in lab.prefect.runs.values() if run.work_pool_name == pool and not run.ended]:
            del lab.prefect.runs[run.id]

    lab.prefect.on_request(f"^PATCH /work_pools/{pool}$", 1, delete)


@pytest.mark.rule("own-pool-treated", "The treated deployment of a door on pools is in a work pool of its own.")
@pytest.mark.rule("own-pool-marks", "What a worker of an own pool executed is read, too.")
@pytest.mark.rule("own-pool-steady-state", "Every work pool shows its steady state.")
@pytest.mark.rule("own-pool-fault", "A fault that kills the worker kills that of every work pool.")
@pytest.mark.usefixtures("with_the_door")
@pytest.mark.parametrize(
    "scenario", [OUTAGE, "concurrency-limit", "awaiting-retry", "user-created-ahead", "late-by-limit-worker"]
)
def test_treated_and_twin_have_a_work_pool_and_a_worker_each(lab: FakeLab, scenario: str) -> None:
    entry = lab.trial(scenario, CHANGE)
    assert entry.outcome == "survived", entry.reason
    assert (entry.kept, entry.twin.kept) == (3, 3)
    own = f"{scenario}--{CHANGE}"
    pools = {d.name: d.pool for d in lab.prefect.deployments.values() if "scheduler" not in d.name}
    assert pools == {
        own: own, f"{own}--probe": own, f"{scenario}--twin": scenario, f"{scenario}--probe": scenario,
    }  # fmt: skip
    workers = {node.name for node in lab.site.nodes if node.name.startswith("worker-")}
    assert workers == {f"worker-{scenario}", f"worker-{own}"}
    steady = [event["pool"] for event in lab.history(scenario, CHANGE) if event["kind"] == "steady-state"]
    assert steady == [scenario, own]


@pytest.mark.usefixtures("with_the_door")
@pytest.mark.parametrize("scenario", ["late-by-limit-pool", "late-by-limit-queue"])
def test_a_limit_is_set_on_both_and_taken_away_from_both(lab: FakeLab, scenario: str) -> None:
    entry = lab.trial(scenario, CHANGE)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    assert {pool: lab.prefect.limits[pool] for pool in (scenario, f"{scenario}--{CHANGE}")} == {
        scenario: 1_000, f"{scenario}--{CHANGE}": 1_000,
    }  # fmt: skip


@pytest.mark.rule("fault-limits-worker", "If a fault says how many runs a worker may run, each worker has that limit.")
@pytest.mark.usefixtures("with_the_door")
def test_each_worker_has_the_limit_of_its_fault(lab: FakeLab) -> None:
    scenario = "late-by-limit-worker"
    lab.trial(scenario, CHANGE)
    assert [lab.prefect.limits[pool] for pool in (scenario, f"{scenario}--{CHANGE}")] == [1, 1]


@pytest.mark.usefixtures("with_the_door")
def test_what_the_door_takes_with_its_pool_is_lost_and_the_twin_is_left(lab: FakeLab) -> None:
    take_all_in(lab, POOL)
    entry = lab.trial(OUTAGE, CHANGE)
    assert judged(entry) == verdict("lost", treated=counts(at_risk=3, lost=3), twin=KEPT), entry.reason


def test_in_a_pool_that_both_share_the_twin_is_no_control(lab: FakeLab, door_file: Callable[[str], None]) -> None:
    door_file(DOOR.replace("own_pool=True", "own_pool=False"))
    take_all_in(lab, OUTAGE)
    entry = lab.trial(OUTAGE, CHANGE)
    assert entry.outcome == "inconclusive", entry.reason
    assert (entry.kept, entry.twin.kept) == (0, 0)


@pytest.mark.usefixtures("with_the_door")
def test_beside_another_door_each_has_its_own_verdict(lab: FakeLab) -> None:
    take_all_in(lab, POOL)
    deployed, changed = lab.trials(OUTAGE, doors=["prefect-deploy", CHANGE])
    assert judged(deployed) == verdict("survived", treated=KEPT, twin=KEPT), deployed.reason
    assert judged(changed) == verdict("lost", treated=counts(at_risk=3, lost=3), twin=KEPT), changed.reason


@pytest.mark.usefixtures("with_the_door")
def test_both_workers_are_killed_and_both_are_started_again(lab: FakeLab) -> None:
    lab.trial(OUTAGE, CHANGE)
    acts = [event["what"] for event in lab.history(OUTAGE, CHANGE) if event["kind"] == "act"]
    start = ["start the worker", f"start the worker of {POOL}"]
    assert acts == [*start, "kill the worker (SIGKILL)", *start]
    assert all(lab.site.node(f"worker-{pool}").running() for pool in (OUTAGE, POOL))


@pytest.mark.usefixtures("with_the_door")
def test_served_deployments_have_no_work_pool_to_open_it_on(lab: FakeLab) -> None:
    cell = lab.cell("serve", CHANGE)
    assert (cell.outcome, cell.expected) == ("not-applicable", "not-applicable")
    assert cell.reason == "change-pool is for deployments that are deployed to a work pool; serve's are not"


@pytest.mark.usefixtures("with_the_door")
def test_a_lab_counts_the_worker_that_such_a_trial_has_more(lab: FakeLab) -> None:
    def labs(door: str) -> int:
        return len({cell.lab for cell in spread_over_labs([lab.cell(OUTAGE, door)] * 10)})

    assert (labs("none"), labs(CHANGE)) == (1, 2)
