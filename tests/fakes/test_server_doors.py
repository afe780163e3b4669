"""Doors on the server hit the twin, too: the treated runs alone say what it came to, beside a trial in another lab."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from harness.doors import load_doors
from harness.doors._deeds import AWHILE
from harness.evidence import Run, write_evidence
from harness.history import moment
from harness.runs.merge import merge
from harness.runs.recheck import recheck
from harness.store.checksums import write_checksums
from harness.store.results import read_results, read_run, write_results, write_run
from harness.verdict.controls import beside_controls
from harness.verdict.outcomes import exit_code, said
from harness.words.records import RunFacts
from tests.fakes.fake_lab import Entry, FakeLab, counts, judged, ticks_of, verdict
from tests.fakes.fake_prefect import LIFTED, FakePrefect
from tests.unit.plain import Line

STARTED, UPCOMING = "being-started", "upcoming"
KEPT = counts(at_risk=1, kept=1)
DOORS = [name for name, door in load_doors().items() if door.reach and not door.upgrades and not door.database]


@pytest.fixture(autouse=True)
def upgradable(lab: FakeLab) -> None:
    """The release that a server of the lab is upgraded to."""
    lab.site.versions["upgrade"] = "3.9.2"
    lab.versions = {"upgrade": "3.9.2"}


def cancel_what_is_pending(prefect: FakePrefect) -> None:
    """As a server does that has forgotten who holds a slot."""
    for run in [run for run in prefect.runs.values() if run.state_type == "PENDING"]:
        prefect.set_state(run, "CANCELLED", "Cancelled")


def double_what_is_upcoming(prefect: FakePrefect) -> None:
    """As a server does whose runs have other keys than those that an earlier release made."""
    for run in [run for run in prefect.runs.values() if run.auto_scheduled and run.state_name == "Scheduled"]:
        if "--" in run.deployment.name:  # and not that of the check of the scheduler
            prefect.add_run(run.deployment, run.expected, auto_scheduled=True)


@pytest.mark.parametrize("door", DOORS)
def test_through_any_door_on_the_server_a_sound_prefect_survives(lab: FakeLab, door: str) -> None:
    entry = lab.trial(STARTED, door)
    assert judged(entry) == verdict("survived", treated=KEPT, twin=KEPT), entry.reason
    assert entry.reach == "server"


@pytest.mark.rule("thawed-clock-goes-on", "A server that was thawed shows its old time at first, which is no step.")
def test_a_server_that_was_frozen_shows_the_time_from_before_for_a_moment(lab: FakeLab) -> None:
    entry = lab.trial(STARTED, "server-freeze")
    assert entry.outcome == "survived", entry.reason
    read = [event for event in lab.history(STARTED, "server-freeze") if event["kind"] == "clock"]
    before, answered = (moment(event["server"]) for event in read[:2])
    assert answered - before >= timedelta(seconds=AWHILE)


@pytest.mark.rule("waits-at-the-door", "No door is opened on a run whose process has not come to where it waits.")
def test_a_run_whose_process_does_not_come_up_is_no_run_that_is_being_started(lab: FakeLab) -> None:
    lab.prefect.starts_no_process = True
    entry = lab.trial(STARTED, "server-restart")
    assert entry.outcome == "error"
    assert "did not come to where it waits before its flow" in entry.reason


@pytest.mark.rule("restart-once-the-port-is-free", "A server whose port is still in use is started again.")
@pytest.mark.parametrize("ends_with", ["Port 4200 is already in use. Please specify a different port.", "a bug"])
def test_a_server_that_finds_its_port_in_use_is_started_until_it_is_free(lab: FakeLab, ends_with: str) -> None:
    tries = list[str]()

    def end() -> None:
        lab.prefect.alive = False
        lab.prefect.log.append(ends_with)

    def start() -> None:
        tries.append(ends_with)
        if len(tries) <= 3:
            lab.prefect.on_request("GET /health", 1, end)

    lab.prefect.on("server", LIFTED, start)
    entry = lab.trial(STARTED, "server-restart")
    assert (entry.outcome, len(tries)) == (("error", 1) if ends_with == "a bug" else ("survived", 4)), entry.reason


@pytest.mark.rule("absolute-without-the-twin", "What hit the twin, too, is no reason against a verdict.")
def test_a_run_that_is_cancelled_on_both_sides_is_altered(lab: FakeLab) -> None:
    lab.prefect.on("server", LIFTED, lambda: cancel_what_is_pending(lab.prefect))
    entry = lab.trial(STARTED, "server-restart")
    changed = counts(at_risk=1, altered=1)
    assert judged(entry) == verdict("altered", treated=changed, twin=changed), entry.reason


@pytest.mark.rule("absolute-lost-on-both-sides", "If the twin was hit, too, runs that are gone on both sides are lost.")
def test_a_server_that_lost_every_run_on_both_sides_lost_them(lab: FakeLab) -> None:
    lab.prefect.on("server", LIFTED, lab.prefect.runs.clear)
    entry = lab.trial(STARTED, "server-restart")
    gone = counts(at_risk=1, lost=1)
    assert judged(entry) == verdict("lost", treated=gone, twin=gone), entry.reason


def test_what_a_server_did_to_both_deployments_alike_is_no_error_and_breaks_a_promise(lab: FakeLab) -> None:
    def pause_all() -> None:
        for deployment in lab.prefect.deployments.values():
            deployment.paused = True

    lab.held = True
    lab.prefect.on("server", LIFTED, pause_all)
    entry = lab.trial(STARTED, "server-restart")
    assert entry.outcome == "survived", entry.reason
    assert (entry.promises["settings"].outcome, exit_code([entry])) == ("broken", 1)


def test_the_twin_alone_being_hit_says_nothing_of_the_treated_runs(lab: FakeLab) -> None:
    def cancel_the_twins() -> None:
        for run in lab.prefect.runs_of(f"{STARTED}-twin"):
            if run.state_type == "PENDING":
                lab.prefect.set_state(run, "CANCELLED", "Cancelled")

    lab.prefect.on("server", LIFTED, cancel_the_twins)
    entry = lab.trial(STARTED, "server-restart")
    assert judged(entry) == verdict("survived", treated=KEPT, twin=counts(at_risk=1, altered=1)), entry.reason


def test_an_upgrade_that_keeps_the_keys_of_runs_leaves_one_run_a_tick(lab: FakeLab) -> None:
    entry = lab.trial(UPCOMING, "server-upgrade")
    assert said(entry) == "ticks whole", ticks_of(entry).reason
    history = lab.history(UPCOMING, "server-upgrade")
    versions = [event for event in history if event["kind"] == "version"]
    assert [event["said"] for event in versions if event["role"] == "upgrade"] == ["3.9.2"]
    assert [(event["of"], event["what"]) for event in history if event["kind"] == "part"] == [
        ("server", "stopped"), ("upgrade", "started"),
    ]  # fmt: skip


def test_an_upgrade_after_which_each_tick_has_two_runs_is_a_duplicate(lab: FakeLab) -> None:
    lab.site.on_upgrade = lambda: double_what_is_upcoming(lab.prefect)
    entry = lab.trial(UPCOMING, "server-upgrade")
    assert (said(entry), ticks_of(entry).duplicate) == ("ticks duplicate", 3), ticks_of(entry).reason


def test_a_deploy_after_an_upgrade_makes_each_tick_anew_and_once(lab: FakeLab) -> None:
    lab.site.on_upgrade = lambda: double_what_is_upcoming(lab.prefect)
    entry = lab.trial(UPCOMING, "upgrade-then-deploy")
    assert said(entry) == "ticks whole", ticks_of(entry).reason


@pytest.mark.rule("error-upgraded-to-another", "An upgrade to another release than the one asked for is an error.")
def test_an_upgrade_to_another_release_is_an_error(lab: FakeLab) -> None:
    lab.site.versions["upgrade"] = "3.9.3"
    entry = lab.trial(UPCOMING, "server-upgrade")
    assert entry.outcome == "error"
    assert "the upgrade says it is Prefect '3.9.3'; asked for was 3.9.2" in entry.reason


def test_a_server_that_does_not_come_back_is_an_error_with_its_log(lab: FakeLab) -> None:
    lab.prefect.on("server", LIFTED, lab.prefect.die)
    entry = lab.trial(STARTED, "server-restart")
    assert entry.outcome == "error"
    assert "in phase trigger: the server ended" in entry.reason


def a_run(lab: FakeLab, control: Entry, *, sound: bool) -> Path:
    """The folder of a run of a restarted server, and of its control."""
    lab.controls = {"server-restart": control.folder.rpartition("/")[2]}
    if not sound:
        lab.prefect.on("server", LIFTED, lambda: cancel_what_is_pending(lab.prefect))
    restarted = lab.trial(STARTED, "server-restart")
    assert restarted.outcome == ("survived" if sound else "altered"), "by its own history"
    entries = beside_controls([restarted, control])
    folder = lab.plan.folder
    write_results(folder, entries, exit_code=exit_code(entries), seconds=1.0)
    write_run(folder, RunFacts(command="nox -s reproduce"))
    write_evidence(Run.read(folder), folder, nullcontext)
    return folder


def with_control(lab: FakeLab, tmp_path: Path, *, clean: bool, sound: bool = False) -> Path:
    """The same, where the control was tried in a lab of its own, and came to what it should or not."""
    sister = FakeLab(tmp_path / "sister", lab.clock, lab.plan.run)
    sister.versions = lab.versions
    if not clean:
        sister.prefect.on(f"worker-{STARTED}", LIFTED, lambda: cancel_what_is_pending(sister.prefect))
    control = sister.trial(STARTED, "none")
    folder = a_run(lab, control, sound=sound)
    (sister.plan.folder / control.folder).rename(folder / control.folder)
    write_checksums(folder)
    return folder


@pytest.mark.rule("merge-keeps-controls", "A trial of a run that is joined keeps its own control.")
def test_runs_that_are_joined_keep_each_trial_its_own_control(lab: FakeLab, tmp_path: Path) -> None:
    folder = joined(lab, tmp_path)
    entries = read_results(folder).trials
    control = "being-started--none--3.9.1--fake"
    assert [(trial.outcome, trial.control) for trial in entries if trial.control] == [
        ("altered", control), ("inconclusive", f"{control}--2"),
    ]  # fmt: skip
    assert recheck(folder).objections == []


def joined(lab: FakeLab, tmp_path: Path) -> Path:
    """Two runs of the same joined; the control of the second is not clean."""
    runs = []
    for number, one in enumerate([lab, FakeLab(tmp_path / "second" / "lab", lab.clock, "second")]):
        one.versions = lab.versions
        (tmp_path / str(number)).mkdir()
        runs.append(with_control(one, tmp_path / str(number), clean=number == 0))
    merge(runs, tmp_path / "joined")
    return tmp_path / "joined"


def forge(run: Path, **changed: object) -> list[str]:
    """What a recheck objects to where the trial without a verdict was given one, its control changed."""
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    (one,) = [trial for trial in results["trials"] if trial["control"] and trial["outcome"] == "inconclusive"]
    (other,) = [trial for trial in results["trials"] if trial["outcome"] == "altered"]
    one.update({**other, "folder": one["folder"], "repetition": 2, "seconds": one["seconds"], **changed})
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_checksums(run)
    return recheck(run).objections


@pytest.mark.rule("recheck-control-of-its-run", "In a joined run a trial is held against the control of its own run.")
def test_a_control_of_another_run_is_none(lab: FakeLab, tmp_path: Path) -> None:
    said = forge(joined(lab, tmp_path), control="being-started--none--3.9.1--fake")
    assert any("outcome: altered then, inconclusive now" in one for one in said), said


@pytest.mark.rule("recheck-control-as-planned", "A trial is held against the control that its plan names.")
def test_a_clean_trial_that_is_not_the_planned_control_is_none(lab: FakeLab, tmp_path: Path) -> None:
    folder = with_control(lab, tmp_path, clean=False)
    other = FakeLab(tmp_path / "other", lab.clock, lab.plan.run)
    other.versions = lab.versions
    clean = other.trial(STARTED, "worker-freeze")
    assert clean.outcome == "survived"
    (other.plan.folder / clean.folder).rename(folder / clean.folder)
    entries = [*read_results(folder).trials, clean]
    write_results(folder, entries, exit_code=exit_code(entries), seconds=1.0)
    write_run(folder, RunFacts(merged=[read_run(folder)]))
    write_checksums(folder)
    assert recheck(folder).objections == []
    (restarted,) = [entry for entry in entries if entry.control]
    forged = replace(restarted, outcome="altered", control=clean.folder.rpartition("/")[2])
    entries = [forged, *(entry for entry in entries if entry != restarted)]
    write_results(folder, entries, exit_code=exit_code(entries), seconds=1.0)
    write_checksums(folder)
    assert any("outcome: altered then, inconclusive now" in said for said in recheck(folder).objections)


@pytest.mark.rule("recheck-control-of-a-control", "In a joined run a trial that has a control keeps it.")
@pytest.mark.parametrize("control", ["", "nothing"])
def test_a_trial_whose_control_was_taken_away_has_no_verdict(lab: FakeLab, tmp_path: Path, control: str) -> None:
    folder = with_control(lab, tmp_path, clean=False, sound=True)
    write_run(folder, RunFacts(merged=[read_run(folder)]))
    (held, sister) = read_results(folder).trials
    assert held.outcome == "inconclusive"
    entries = [replace(held, outcome="survived", control=control), sister]
    write_results(folder, entries, exit_code=exit_code(entries), seconds=1.0)
    write_checksums(folder)
    said = recheck(folder).objections
    assert any("outcome: survived then, inconclusive now" in one for one in said), said


@pytest.mark.rule("recheck-copied-history", "A history that is there twice is refused: it would be a repetition.")
@pytest.mark.rule("recheck-one-history-a-trial", "Two histories of one trial of one run are refused.")
@pytest.mark.parametrize("line", ["", "\n"], ids=["the same bytes", "other bytes"])
def test_a_copied_history_is_no_repetition(lab: FakeLab, tmp_path: Path, line: str) -> None:
    folder = joined(lab, tmp_path)
    entries = list(read_results(folder).trials)
    copied = next(entry for entry in entries if entry.outcome == "survived")
    again = replace(copied, folder=f"{copied.folder}--9", repetition=9)
    shutil.copytree(folder / copied.folder, folder / again.folder)
    with (folder / again.folder / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write(line)
    entries.append(again)
    write_results(folder, entries, exit_code=exit_code(entries), seconds=1.0)
    write_checksums(folder)
    assert any("holds the history of" in said for said in recheck(folder).objections)


@pytest.mark.rule("recheck-control", "A recheck holds a trial against its control, as the run did.")
@pytest.mark.parametrize(("clean", "outcome"), [(True, "altered"), (False, "inconclusive")])
def test_a_recheck_comes_to_the_same_beside_the_control(
    lab: FakeLab, tmp_path: Path, clean: bool, outcome: str
) -> None:
    look = recheck(with_control(lab, tmp_path, clean=clean))
    assert look.objections == []
    assert look.trials[0].saved.outcome == outcome


def test_a_recheck_refuses_a_verdict_that_the_control_forbids(lab: FakeLab, tmp_path: Path) -> None:
    folder = with_control(lab, tmp_path, clean=False)
    results = folder / "results.json"
    forged = results.read_text(encoding="utf-8").replace('"inconclusive"', '"altered"', 1)
    results.write_text(forged, encoding="utf-8")
    write_checksums(folder)
    assert any("outcome: altered then, inconclusive now" in said for said in recheck(folder).objections)


def test_the_opening_of_the_history_names_the_control(lab: FakeLab) -> None:
    lab.controls = {"server-restart": "being-started--none--3.9.1--fake"}
    lab.trial(STARTED, "server-restart")
    opening: Line = lab.history(STARTED, "server-restart")[0]
    assert (opening["reach"], opening["control"]) == ("server", "being-started--none--3.9.1--fake")
    report = (lab.plan.trial_folder(lab.cell(STARTED, "server-restart")) / "report.md").read_text(encoding="utf-8")
    assert "The control: `being-started--none--3.9.1--fake`, in another lab." in report
