"""Deployments under `flow.serve`: a process each, which pauses its deployment as it stops and is started again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from harness.doors import load_doors
from harness.trials.scenario import load_scenarios
from harness.words.names import DRAINED
from tests.fakes.fake_lab import FakeLab, counts, judged, verdict

DOORS = load_doors()

SERVE, STOP = "serve", "serve-stop"
KEPT = counts(at_risk=3, kept=3)
FITTING = [name for name, door in DOORS.items() if door.is_of_deployments and not door.misfit(load_scenarios()[SERVE])]


@pytest.mark.parametrize("door", [name for name in FITTING if name not in ("delete-deployment", "bulk-delete")])
def test_through_any_door_that_fits_a_sound_prefect_survives(lab: FakeLab, door: str) -> None:
    entry = lab.trial(SERVE, door)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason


@pytest.mark.rule("serve-own-process", "Each served deployment has a process of its own.")
def test_every_door_at_once_has_a_process_of_its_own(lab: FakeLab) -> None:
    doors = ["serve-stop", "patch-deployment", "none"]
    entries = lab.trials(SERVE, doors=doors)
    assert [judged(entry) for entry in entries] == [verdict("survived", treated=KEPT, twin=KEPT)] * 3
    nodes = {f"worker-serve--{name}" for name in (*doors, "twin", "probe")}
    assert {node.name for node in lab.site.nodes if node.name.startswith("worker-")} == nodes


def test_what_stopping_deletes_is_lost(lab: FakeLab) -> None:
    backlog = lab.backlog(SERVE)
    stops = iter([2])  # and not when it is served again
    backlog.on_update(lambda: backlog.delete(backlog.at_risk()[: next(stops, 0)]))
    entry = lab.trial(SERVE, STOP)
    assert judged(entry) == verdict("lost", treated=counts(at_risk=3, kept=1, lost=2), twin=KEPT), entry.reason


@pytest.mark.rule("serve-left-running", "A run that a stopped serving process left Running is cancelled.")
def test_what_the_stopped_process_left_running_is_cancelled_and_at_risk_it_never_was(lab: FakeLab) -> None:
    entry = lab.trial(SERVE, STOP)
    acts = [event["what"] for event in lab.history(SERVE, STOP) if event["kind"] == "act"]
    assert acts[-3:] == [
        "cancel a run that the stopped process left behind",
        "serve serve--serve-stop again",
        "put 'signal' beside the flow",
    ]
    (listing,) = [e for e in lab.history(SERVE, STOP) if e["kind"] == "listing" and e["when"] == DRAINED]
    report = (lab.plan.folder / entry.folder / "report.md").read_text(encoding="utf-8")
    assert "1. A process that serves it completed a run of an unscheduled probe deployment (steady state)." in report
    states = sorted(run["state_name"] for run in listing["runs"] if run["side"] == "treated")
    assert states == ["Cancelled", "Completed", "Completed", "Completed"]


@pytest.mark.rule("harness-cancelled", "A run that the harness itself ended has no fate.")
def test_a_run_at_risk_that_the_harness_cancels_has_no_fate(lab: FakeLab) -> None:
    backlog = lab.backlog(SERVE)

    def take_one() -> None:
        (run,) = backlog.at_risk()[:1]
        lab.clock.sleep(2)  # the time of the answer is rounded up to a second
        backlog.move_to([run], "PENDING", "Pending")
        run.expected += timedelta(days=1)  # it stays Pending

    lab.prefect.on_request("^GET /flow_runs/", 1, take_one)
    entry = lab.trial(SERVE, STOP)
    assert entry.outcome == "inconclusive", entry.reason
    assert "the harness itself did this after the door: cancel a run" in entry.reason


@pytest.mark.rule(
    "serve-stop-by-patch", "Stopping a serving process is proven by the PATCH that pauses the deployment."
)
def test_a_stop_that_pauses_nothing_is_not_proven(lab: FakeLab) -> None:
    lab.site.pauses_on_shutdown = False
    entry = lab.trial(SERVE, STOP)
    assert entry.outcome == "error"
    assert "PATCH /api/deployments/" in entry.reason, entry.reason


def test_a_process_that_never_serves_is_no_verdict(lab: FakeLab) -> None:
    lab.site.workers_start = False
    entry = lab.trial(SERVE, STOP)
    assert entry.outcome == "error"
    assert "the process that serves serve--probe ended" in entry.reason


@pytest.mark.rule("not-applicable-door", "A door for another kind of deployment is not applicable.")
@pytest.mark.parametrize(
    ("scenario", "door", "said"),
    [
        ("serve", "prefect-deploy", "deployments that are deployed to a work pool; serve's are not"),
        (
            "worker-outage",
            "serve-stop",
            "served by a process of their own; worker-outage's are not",
        ),
    ],
)
def test_a_door_that_does_not_fit_the_deployments_is_not_applicable(
    lab: FakeLab, scenario: str, door: str, said: str
) -> None:
    cell = lab.cell(scenario, door)
    assert (cell.outcome, cell.expected) == ("not-applicable", "not-applicable")
    assert cell.reason.endswith(said)
