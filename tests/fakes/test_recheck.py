"""A second look at what trials left: the folder or a bundle of it, as it was and as somebody might have made it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from harness import cli, evidence
from harness.store import bundle as bundle_module
from harness.store.bundle import bundle, unpack
from harness.store.checksums import NAME, write_checksums
from harness.store.results import harness_commit, read_results, write_results, write_run
from harness.verdict import outcomes as verdict
from harness.words.errors import UsageError
from harness.words.events import HISTORY_SCHEMA
from harness.words.records import Harness, RunFacts
from tests.fakes.fake_lab import Backlog, FakeLab
from tests.fakes.fake_prefect import Run
from tests.unit.plain import judge

pytestmark = pytest.mark.pictures

OUTAGE, UPCOMING = "worker-outage", "upcoming"


@pytest.fixture
def run(lab: FakeLab, tmp_path: Path) -> Path:
    """The folder of a run of three trials, one of them lost."""
    backlog = lab.backlog(OUTAGE)
    once = iter([1])
    backlog.on_update(lambda: backlog.delete(backlog.at_risk()[: next(once, 0)]))
    entries = lab.trials(OUTAGE, doors=["patch-deployment", "none"])
    upcoming = FakeLab(tmp_path / "other", lab.clock)
    entries += upcoming.trials(UPCOMING, doors=["none"])
    shutil.copytree(upcoming.plan.folder / "trials", lab.plan.folder / "trials", dirs_exist_ok=True)
    folder = lab.plan.folder
    assert sorted(str(entry.outcome) for entry in entries) == ["lost", "survived", "survived"]
    (folder / "labs" / "prefect.db").write_bytes(b"\xff\xfe\x00")
    (folder / "labs" / "server.log").write_text(f"{Path.home()}/x {folder.parent.resolve()}/y\n", encoding="utf-8")
    write_results(folder, entries, exit_code=verdict.exit_code(entries), seconds=1.0)
    write_run(folder, RunFacts(harness=Harness(commit="0123456789abcdef", dirty=True), planned=planned(folder)))
    write_checksums(folder)
    return folder


def planned(run: Path) -> list[str]:
    """The names of the folders of its trials, all of which were planned."""
    return [path.name for path in sorted((run / "trials").iterdir())]


def check(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = cli.main(["recheck", str(path)])
    return code, capsys.readouterr().out


def test_a_run_that_nobody_touched_holds_with_no_network(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check(run, capsys)
    assert code == 0, said
    assert "harness then: 0123456789ab, changed; now: " in said
    assert said.endswith("3 of 3 verdicts hold: 2 survived, 1 lost\n")


def test_sha256sum_agrees(run: Path) -> None:
    done = subprocess.run(["sha256sum", "--quiet", "-c", NAME], cwd=run, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.rule("bundle-no-folders", "A bundle names no folder of this machine.")
def test_the_bundle_of_a_run_holds_and_names_no_folder_of_this_machine(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "run.tar.gz"
    assert cli.main(["bundle", str(run), "--into", str(archive)]) == 0
    assert "left out, since it is no text: labs/prefect.db" in capsys.readouterr().out
    assert check(archive, capsys)[0] == 0
    (tmp_path / "unpacked").mkdir()
    folder = unpack(archive, tmp_path / "unpacked")
    assert (folder / "labs" / "server.log").read_text(encoding="utf-8") == "{home}/x {results}/y\n"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.name == "timeline.png" for path in files) == 3
    texts = [path.read_text(encoding="utf-8") for path in files if path.suffix != ".png"]
    assert len(texts) > 8
    assert not any(str(run.parent.resolve()) in text or str(Path.home()) + "/" in text for text in texts)


@pytest.mark.rule("bundle-not-over-its-run", "A bundle is not written into its own run.")
@pytest.mark.parametrize("name", ["results.json", "labs/new.tar.gz"])
def test_a_bundle_is_not_written_into_its_run(run: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert cli.main(["bundle", str(run), "--into", str(run / name)]) == 2
    assert "in the run itself" in capsys.readouterr().err
    assert check(run, capsys)[0] == 0


def test_two_bundles_of_a_run_are_the_same(run: Path, tmp_path: Path) -> None:
    archives = [tmp_path / "one.tar.gz", tmp_path / "two.tar.gz"]
    for archive in archives:
        bundle(run, archive)
        os.utime(run / "results.json", (1, 1))
    assert archives[0].read_bytes() == archives[1].read_bytes()


@pytest.mark.rule("bundle-no-secrets", "A bundle holds no secret.")
def test_a_secret_of_the_environment_is_not_in_the_bundle(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "labs" / "server.log").write_text("Authorization: Bearer abcdefghijklmnop\n", encoding="utf-8")
    bundle(run, tmp_path / "run.tar.gz")
    (tmp_path / "unpacked").mkdir()
    folder = unpack(tmp_path / "run.tar.gz", tmp_path / "unpacked")
    assert "abcdefghijklmnop" not in (folder / "labs" / "server.log").read_text(encoding="utf-8")


def history_of(run: Path, door: str) -> Path:
    (found,) = run.glob(f"trials/{OUTAGE}--{door}--*/history.jsonl")
    return found


def rewrite(run: Path, door: str = "", exit_code: int | None = 0, **changed: object) -> None:
    """Write results.json anew, with other entries of a door and another exit code, and the sums of that."""
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    for trial in results["trials"]:
        if trial["door"] == door and trial["scenario"] == OUTAGE:
            trial.update(changed)
    (run / "results.json").write_text(json.dumps({**results, "exit_code": exit_code}), encoding="utf-8")
    write_checksums(run)


def change_a_line(run: Path) -> None:
    history = history_of(run, "none")
    history.write_text(history.read_text(encoding="utf-8").replace("Late", "Lately", 1), encoding="utf-8")


def cut_off(run: Path) -> None:
    history = history_of(run, "none")
    history.write_text("".join(history.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")


def take_away(run: Path) -> None:
    history_of(run, "none").unlink()


def add_a_file(run: Path) -> None:
    (run / "trials" / "more.txt").write_text("", encoding="utf-8")


def add_sums_below(run: Path) -> None:
    (run / "trials" / NAME).write_text("", encoding="utf-8")


def forget_the_sums(run: Path) -> None:
    (run / NAME).unlink()


@pytest.mark.rule("recheck-changed-file", "A file that was changed is named.")
@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (change_a_line, "history.jsonl' was changed"),
        (cut_off, "history.jsonl' was changed"),
        (take_away, "history.jsonl' is gone"),
        (add_a_file, "trials/more.txt' came later"),
        (add_sums_below, f"trials/{NAME}' came later"),
        (forget_the_sums, f"there is no readable {NAME}"),
    ],
)
def test_whatever_was_changed_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tamper: Callable[[Path], None], said: str
) -> None:
    bundle(run, tmp_path / "run.tar.gz")
    (tmp_path / "unpacked").mkdir()
    unpacked = unpack(tmp_path / "run.tar.gz", tmp_path / "unpacked")
    for folder in (run, unpacked):
        tamper(folder)
    with tarfile.open(tmp_path / "again.tar.gz", "w:gz") as tar:
        tar.add(unpacked, run.name)  # as a person would pack it again
    for tampered in (run, tmp_path / "again.tar.gz"):
        code, out = check(tampered, capsys)
        assert code == 1
        assert said in out


@pytest.mark.rule("recheck-verdict", "A verdict that does not follow from its history is named.")
def test_a_verdict_that_its_history_does_not_bear_out_is_named_though_the_sums_are_right(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    for trial in results["trials"]:
        if trial["outcome"] == "lost":
            trial.update(outcome="survived", kept=3, lost=0)
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_checksums(run)
    code, said = check(run, capsys)
    assert code == 1
    assert "(!) 'worker-outage--patch-deployment--3.9.1--fake': outcome: survived then, lost now; " in said
    assert said.endswith("2 of 3 verdicts hold: 2 survived\n")


def set_in(which: str, **changed: object) -> Callable[[list[dict[str, object]]], None]:
    """Change the entry of the trial that came to this."""

    def forge(trials: list[dict[str, object]]) -> None:
        next(trial for trial in trials if trial["outcome"] == which).update(changed)

    forge.__name__ = f"{which} {changed}"
    return forge


def expect_what_came(trials: list[dict[str, object]]) -> None:
    set_in("lost", expected="lost", as_expected=True, reference="known")(trials)


def remove(trials: list[dict[str, object]]) -> None:
    trials.remove(next(trial for trial in trials if trial["outcome"] == "lost"))


def name_one_folder_twice(trials: list[dict[str, object]]) -> None:
    lost = next(trial for trial in trials if trial["outcome"] == "lost")
    sound = next(trial for trial in trials if trial["outcome"] == "survived" and trial["scenario"] == OUTAGE)
    trials[trials.index(lost)] = dict(sound)


def forget_the_ticks(trials: list[dict[str, object]]) -> None:
    for trial in trials:
        trial["ticks"] = None


def expect_other_ticks(trials: list[dict[str, object]]) -> None:
    for trial in trials:
        trial["ticks"].update(expected="missing", as_expected=True)  # type: ignore[attr-defined]


def add_to_the_twin(trials: list[dict[str, object]]) -> None:
    trials[0]["twin"].update(verified=True)  # type: ignore[attr-defined]


def add_beside_the_trials(results: dict[str, object]) -> None:
    results["verified"] = True


def test_a_field_that_a_newer_harness_writes_is_passed_over(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    results["colour"] = results["trials"][0]["colour"] = results["trials"][0]["twin"]["colour"] = "blue"
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_checksums(run)
    assert check(run, capsys)[0] == 0
    assert [trial.outcome for trial in read_results(run).trials] == [trial["outcome"] for trial in results["trials"]]
    write_run(run, RunFacts(harness=harness_commit(), planned=planned(run)))
    write_checksums(run)
    code, said = check(run, capsys)
    assert code == 1
    for where in ("results.json", "results.json, trial 1", "results.json, trial 1, twin"):
        assert f"(!) {where}: this harness does not write the field 'colour'" in said


@pytest.mark.rule("bundle-needs-a-sound-run", "A run that a recheck objects to is not bundled.")
@pytest.mark.rule("recheck-one-entry", "Each folder of a trial has one entry in results.json.")
@pytest.mark.rule("recheck-unknown-field", "A field that this harness does not write is named.")
@pytest.mark.rule("recheck-never-begun", "A trial that never began has no history.")
@pytest.mark.parametrize(
    "forge",
    [
        expect_what_came, remove, name_one_folder_twice, forget_the_ticks, expect_other_ticks,
        set_in("lost", expected=None, as_expected=None), set_in("lost", outcome="not-applicable"),
        set_in("lost", outcome=None), set_in("survived", scenario="upcoming"), set_in("survived", door="bulk-delete"),
        set_in("survived", engine="containers"), set_in("survived", database="postgres"),
        set_in("survived", subject="3.3.3"), set_in("survived", version="3.3.3"), set_in("survived", start="fork"),
        set_in("survived", reason="all is well"), set_in("survived", folder="trials/elsewhere"),
        set_in("survived", versions={"worker": "3.3.3"}), set_in("survived", judged_by="ticks"),
        set_in("survived", repetition=2), set_in("survived", verified="by hand"),
        add_to_the_twin, add_beside_the_trials,
    ],
)  # fmt: skip
def test_an_entry_that_its_history_and_plan_do_not_bear_out_is_refused_and_not_bundled(
    run: Path, capsys: pytest.CaptureFixture[str], forge: Callable[[Any], None]
) -> None:
    write_run(run, RunFacts(harness=harness_commit(), planned=planned(run)))
    write_checksums(run)
    assert check(run, capsys)[0] == 0
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    forge(results if forge is add_beside_the_trials else results["trials"])
    for code in (0, 1, 125, 130):
        (run / "results.json").write_text(json.dumps({**results, "exit_code": code}), encoding="utf-8")
        write_checksums(run)
        assert check(run, capsys)[0] == 1
    archive = run.parent / "forged.tar.gz"
    assert cli.main(["bundle", str(run), "--into", str(archive)]) == 2
    assert len(capsys.readouterr().err.splitlines()) <= 3
    assert not archive.exists()


@pytest.mark.rule("recheck-planned-has-an-entry", "Each trial that was planned has an entry in results.json.")
@pytest.mark.rule("recheck-entry-was-planned", "Each entry that has an outcome was planned.")
@pytest.mark.rule("recheck-says-what-was-planned", "What this commit made says which trials were planned.")
def test_a_trial_that_was_removed_with_its_entry_is_missed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost, folder = history_of(run, "patch-deployment").parent, run.parent / "set-aside"
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    kept = [trial for trial in results["trials"] if trial["folder"] != f"trials/{lost.name}"]

    def said(entries: list[dict[str, Any]], **facts: Any) -> tuple[int, str]:
        (run / "results.json").write_text(json.dumps({**results, "trials": entries, "exit_code": 0}), encoding="utf-8")
        write_run(run, RunFacts(**{"harness": Harness(commit="0123456789abcdef", dirty=True), **facts}))
        write_checksums(run)
        return check(run, capsys)

    every = planned(run)
    shutil.move(lost, folder)
    code, told = said(kept, planned=every)
    assert (code, f"trials/{lost.name}: 1 more planned than results.json has" in told) == (1, True), told
    assert said(kept)[0] == 0, "an earlier harness did not say what was planned"
    code, told = said(kept, harness=harness_commit())
    assert (code, "run.json does not say which trials were planned" in told) == (1, True), told
    shutil.move(folder, lost)
    code, told = said(results["trials"], planned=planned(run)[1:])
    assert (code, f"trials/{every[0]}: 1 more in results.json than were planned" in told) == (1, True), told


@pytest.mark.rule("recheck-exit-code", "The exit code is the one that the trials come to.")
@pytest.mark.parametrize("code", [2, None, -1, 129000])
def test_an_exit_code_that_no_run_ends_with_is_named(
    run: Path, capsys: pytest.CaptureFixture[str], code: int | None
) -> None:
    rewrite(run, exit_code=code)
    assert check(run, capsys)[0] == 1


def test_another_doors_history_in_a_folder_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(history_of(run, "none"), history_of(run, "patch-deployment"))
    rewrite(run, "patch-deployment", outcome="survived", kept=3, lost=0, as_expected=True)
    code, said = check(run, capsys)
    assert code == 1
    assert "door: patch-deployment then, none now" in said


@pytest.mark.rule("recheck-not-applicable", "What is called not applicable is so by its versions.")
def test_a_trial_called_not_applicable_that_is_not_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(history_of(run, "patch-deployment").parent)
    rewrite(run, "patch-deployment", outcome="not-applicable", expected="not-applicable", as_expected=True)
    code, said = check(run, capsys)
    assert code == 1
    assert "is called not-applicable, and it is not" in said


def with_views(run: Path) -> None:
    """Write all that shows a run to a reader, as its command does, by this very harness."""
    command = f"nox -s reproduce --results {Path.home()}/x token=abcdefgh"
    write_run(run, RunFacts(harness=harness_commit(), planned=planned(run), command=command))
    evidence.write_evidence(evidence.Run.read(run), run, nullcontext)
    write_checksums(run)


VIEWS = {
    "summary.md": ("survived", "lost"), "junit.xml": ("<failure", "<skipped"), "index.html": ("survived", "lost"),
    "bug-report.md": ("nobody touched", "somebody touched"), "trials/*/report.md": ("is gone", "is there"),
    "trials/*/verdict.json": ('"fate": "', '"fate": "not '), "trials/*/timeline.svg": ("<svg", "<svg "),
}  # fmt: skip


@pytest.mark.rule("recheck-trial-views", "The views of a trial show what its history says.")
@pytest.mark.rule("recheck-run-views", "The views of a run show what its histories say.")
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_that_does_not_show_what_the_histories_come_to_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    with_views(run)
    archive = tmp_path / "run.tar.gz"
    assert cli.main(["bundle", str(run), "--into", str(archive)]) == 0
    assert check(archive, capsys)[0] == 0
    joined = tmp_path / "joined"
    assert cli.main(["merge", str(run), "--into", str(joined)]) == 1
    for folder in (run, joined):
        assert check(folder, capsys)[0] == 0
        shown = next(path for path in folder.glob(name) if VIEWS[name][0] in path.read_text(encoding="utf-8"))
        shown.write_text(shown.read_text(encoding="utf-8").replace(*VIEWS[name]), encoding="utf-8")
        write_checksums(folder)
        code, said = check(folder, capsys)
        assert code == 1
        assert f"(!) '{shown.relative_to(folder)}' is not what its histories come to" in said


@pytest.mark.rule(
    "recheck-other-commit", "Views that another commit of the harness made are only checked by their sums."
)
def test_views_that_another_harness_made_are_held_by_the_sums_alone(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_views(run)
    write_run(run, RunFacts(harness=Harness(commit="0123456789abcdef", dirty=False)))
    for view in (run / "summary.md", next(run.glob("trials/*/report.md"))):
        view.write_text("in other words\n", encoding="utf-8")
        assert check(run, capsys)[0] == 1
        write_checksums(run)
        assert check(run, capsys)[0] == 0


@pytest.mark.rule("bundle-no-folders-in-json", "A bundle names no folder of this machine as JSON writes it either.")
def test_a_folder_of_other_letters_is_not_in_a_bundle(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/zoë"))
    (run / "labs" / "costs.json").write_text(json.dumps({"where": "/home/zoë/x"}), encoding="utf-8")
    bundle(run, tmp_path / "run.tar.gz")
    (tmp_path / "unpacked").mkdir()
    folder = unpack(tmp_path / "run.tar.gz", tmp_path / "unpacked")
    assert json.loads((folder / "labs" / "costs.json").read_text(encoding="utf-8")) == {"where": "{home}/x"}


def test_a_link_in_a_run_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "labs" / "link").symlink_to("/etc/hostname")
    code, said = check(run, capsys)
    assert code == 1
    assert "(!) 'labs/link' is a link, and a run has none" in said


def test_a_name_of_several_lines_forges_none(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "labs" / "x\n9 of 9 verdicts hold").write_text("", encoding="utf-8")
    code, said = check(run, capsys)
    assert code == 1
    assert "9 of 9 verdicts hold" not in said.splitlines()
    assert len(said.splitlines()) == 3


def test_an_entry_or_a_folder_of_several_lines_forges_none(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "trials" / "x\n9 of 9 verdicts hold").mkdir()
    rewrite(run, "none", exit_code=1, subject="3.9.1\n8 of 8 verdicts hold")
    code, said = check(run, capsys)
    assert code == 1
    assert [line for line in said.splitlines() if line.endswith("verdicts hold")] == []
    assert said.endswith("2 of 3 verdicts hold: 1 lost, 1 survived\n")


def test_an_exit_code_that_the_trials_do_not_come_to_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    results["exit_code"] = 0
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_checksums(run)
    code, said = check(run, capsys)
    assert code == 1
    assert "(!) results.json says exit code 0; its trials come to 1" in said


@pytest.mark.rule("newer-schema-refused", "A history of a newer schema is refused.")
def test_a_history_of_a_newer_schema_is_refused_with_a_line_that_says_so(lab: FakeLab) -> None:
    lab.trial(OUTAGE)
    opening, *rest = lab.history(OUTAGE)
    found = judge([{**opening, "schema": 99}, *rest])
    assert found.outcome == "error"
    assert f"schema 99; this harness reads up to {HISTORY_SCHEMA}" in found.reason
    first = [event for event in rest if event["kind"] not in ("executions", "bystanders")]  # of the first schema
    assert judge([{key: value for key, value in opening.items() if key != "schema"}, *first]).outcome == "survived"


@pytest.mark.rule("bundle-stays-inside", "A hostile archive writes nothing outside its folder.")
@pytest.mark.parametrize(
    ("member", "said"),
    [("../outside", "which no bundle does"), ("/etc/outside", "which no bundle does"), ("loose", "holds 0 folders")],
)
def test_an_archive_that_is_no_bundle_writes_nothing_outside(tmp_path: Path, member: str, said: str) -> None:
    archive = tmp_path / "hostile.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        content = tarfile.TarInfo(member)
        content.size = 1
        tar.addfile(content, io.BytesIO(b"x"))
    (tmp_path / "into").mkdir()
    with pytest.raises(UsageError, match=said):
        unpack(archive, tmp_path / "into")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("what", ["nowhere", "a file"])
def test_what_is_no_run_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    path = tmp_path / "it"
    if what == "a file":
        path.write_text("no archive", encoding="utf-8")
    assert cli.main(["recheck", str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) <= 3


@pytest.mark.rule("report-changes-no-verdict", "A report that cannot be written changes no verdict.")
def test_a_report_that_cannot_be_made_changes_no_verdict(lab: FakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError("planted")

    monkeypatch.setattr("harness.evidence.report.report", broken)
    entry = lab.trial(OUTAGE)
    assert entry.outcome == "survived"
    folder = lab.plan.folder / entry.folder
    assert "RuntimeError: planted" in (folder / "not-written.txt").read_text(encoding="utf-8")
    assert not (folder / "report.md").exists() and (folder / "timeline.svg").exists()


@pytest.mark.rule("bundle-file-size", "A bundle with a file that is too large is refused.")
def test_a_bundle_with_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_module, "_LARGEST_FILE", 1_000)
    archive = tmp_path / "large.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, size in (("run/small", 1_000), ("run/large", 1_001)):
            member = tarfile.TarInfo(name)
            member.size = size
            tar.addfile(member, io.BytesIO(b"x" * size))
    (tmp_path / "into").mkdir()
    with pytest.raises(UsageError, match="holds 'run/large', which no bundle does"):
        unpack(archive, tmp_path / "into")
    assert (tmp_path / "into" / "run" / "small").read_bytes() == b"x" * 1_000


def rename(backlog: Backlog, runs: list[Run]) -> None:
    for run in runs:
        run.name += "-renamed"


DID: dict[str, tuple[Callable[[Backlog, list[Run]], None], str]] = {
    "unlisted": (Backlog.delete, "lost"),
    "changed": (rename, "altered"),
}


@pytest.mark.rule("recheck-told-twice", "What a door did to other trials stands in both histories.")
@pytest.mark.parametrize("door", ["patch-deployment", "none"])
@pytest.mark.parametrize("kind", DID)
def test_what_a_door_did_to_other_trials_is_said_by_both_histories(
    lab: FakeLab, capsys: pytest.CaptureFixture[str], kind: str, door: str
) -> None:
    does, outcome = DID[kind]
    backlog = lab.backlog(OUTAGE)
    once = iter([True])

    def take() -> None:
        if next(once, False):
            does(backlog, [run for run in backlog.at_risk() if run.deployment.name.endswith("--none")][:1])

    backlog.on_update(take)
    entries = lab.trials(OUTAGE, doors=["patch-deployment", "none"])
    assert [entry.outcome for entry in entries] == [outcome, "inconclusive"]
    run = lab.plan.folder
    write_results(run, entries, exit_code=verdict.exit_code(entries), seconds=1.0)
    write_run(run, RunFacts(harness=harness_commit(), planned=planned(run)))
    write_checksums(run)
    assert check(run, capsys)[0] == 0
    history = history_of(run, door)
    events = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    events = [event for event in events if event["kind"] != kind]
    for event in events:
        event.get(kind, []).clear()
    history.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    write_checksums(run)
    code, said = check(run, capsys)
    assert code == 1
    assert "and that door's history does not" in said or "of another trial, and no other trial says so" in said


@pytest.mark.rule("recheck-staged-alike", "A scenario that was staged otherwise than this commit stages it is refused.")
@pytest.mark.parametrize(
    ("name", "value"), [("minimum", 1), ("state", "Pending"), ("ticks", 2), ("judged_by", "ticks")]
)
def test_a_scenario_that_was_staged_otherwise_than_this_harness_stages_it_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], name: str, value: object
) -> None:
    write_run(run, RunFacts(harness=harness_commit(), planned=planned(run)))
    history = history_of(run, "none")
    opening, *rest = history.read_text(encoding="utf-8").splitlines(keepends=True)
    history.write_text(json.dumps({**json.loads(opening), name: value}) + "\n" + "".join(rest), encoding="utf-8")
    write_checksums(run)
    code, said = check(run, capsys)
    assert code == 1
    assert f"its history has {name} {value!r}, and the scenario has" in said


@pytest.mark.rule(
    "recheck-sample-as-declared", "A history of a smaller drain than this commit's scenario has is refused."
)
@pytest.mark.parametrize(("name", "value"), [("sample", 1), ("stand_in", True)])
def test_a_drain_of_fewer_runs_than_this_harness_has_executed_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], name: str, value: object
) -> None:
    write_run(run, RunFacts(harness=harness_commit()))
    history = history_of(run, "none")
    opening, *rest = history.read_text(encoding="utf-8").splitlines(keepends=True)
    history.write_text(json.dumps({**json.loads(opening), name: value}) + "\n" + "".join(rest), encoding="utf-8")
    write_checksums(run)
    code, said = check(run, capsys)
    assert code == 1
    assert f"its history has {name} {value!r}, and the scenario has" in said


ANOTHER_EFFECT = {"field": "paused", "how": "changes", "value": None}
FORGED_DOORS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another proof": ({}, {"by": "nothing"}, "the proof of its door has by 'nothing'"),
    "asks for more": (
        {},
        {"asks": [{"field": "paused", "how": "changes", "value": None}]},
        "its door has asks",
    ),
    "another effect": (
        {},
        {"effects": [{"field": "paused", "how": "stays", "value": None}]},
        "its door has effects",
    ),
    "hits the twin": ({"reach": "server"}, {}, "its history has reach 'server', and the door has ''"),
    "a control of its own": ({"control": "worker-outage--none--x"}, {}, "names the control"),
}


@pytest.mark.rule("recheck-proof-as-declared", "A door that was to be proven otherwise than it declares is refused.")
@pytest.mark.rule("recheck-reach-as-declared", "A door that reaches further than it declares is refused.")
@pytest.mark.rule("recheck-control-as-declared", "A control through another door than the declared one is refused.")
@pytest.mark.parametrize("how", FORGED_DOORS)
def test_a_door_that_was_opened_otherwise_than_this_harness_declares_it_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    opening, proof, objection = FORGED_DOORS[how]
    write_run(run, RunFacts(harness=harness_commit(), planned=planned(run)))
    history = history_of(run, "patch-deployment")
    lines = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if line["kind"] == "trial":
            line.update(opening, cell={**line["cell"], **opening})
        if line["kind"] == "door-opens":
            line["proof"].update(proof)
    history.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    write_checksums(run)
    code, said = check(run, capsys)
    assert code == 1
    assert objection in said


@pytest.mark.rule("recheck-schema", "A history of this commit has this commit's schema.")
def test_a_history_of_an_older_schema_is_not_this_harnesss(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(run, RunFacts(harness=harness_commit(), planned=planned(run)))
    history = history_of(run, "none")
    text = history.read_text(encoding="utf-8").replace(f'"schema": {HISTORY_SCHEMA}', '"schema": 3', 1)
    history.write_text(text, encoding="utf-8")
    write_checksums(run)
    code, said = check(run, capsys)
    assert code == 1
    assert f"its history has schema 3, and this harness writes {HISTORY_SCHEMA}" in said


def promises_of(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what results.json says of the null door's promises, with the sums of that."""
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    for trial in results["trials"]:
        if trial["door"] == "none" and trial["scenario"] == OUTAGE:
            change(trial["promises"])
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_checksums(run)


CHANGED_PROMISES: dict[str, tuple[Callable[[dict[str, Any]], object], bool]] = {
    "another outcome": (lambda promises: promises["once"].update(outcome="inconclusive", as_expected=None), True),
    "another reason": (lambda promises: promises["once"].update(reason="x"), False),
    "another expectation": (lambda promises: promises["once"].update(expected=None, as_expected=None), True),
    "another source": (lambda promises: promises["once"].update(reference="x"), True),
    "another judgement": (lambda promises: promises["once"].update(as_expected=None), True),
    "one removed": (lambda promises: promises.pop("once"), True),
    "all removed": (lambda promises: promises.clear(), True),
}


@pytest.mark.rule("recheck-promises", "What is said of a promise has to follow from the history, each promise of it.")
@pytest.mark.rule(
    "recheck-promises-of-another", "Of what another commit made, each promise that its plan expects is checked."
)
@pytest.mark.parametrize("same", [True, False], ids=["this commit", "another commit"])
@pytest.mark.parametrize("how", CHANGED_PROMISES)
def test_what_is_said_of_a_promise_has_to_follow_from_the_history(
    run: Path, capsys: pytest.CaptureFixture[str], how: str, same: bool
) -> None:
    if same:
        write_run(run, RunFacts(harness=harness_commit(), planned=planned(run)))
    change, by_anyone = CHANGED_PROMISES[how]
    promises_of(run, change)
    code, said = check(run, capsys)
    refused = any("the promise once:" in line for line in said.splitlines())
    assert (refused, code) == ((True, 1) if same or by_anyone else (False, 0)), said


@pytest.mark.rule("recheck-promises-unexpected", "What this commit made names each promise, expected or not.")
def test_a_promise_of_which_nothing_is_expected_is_not_left_out(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(run, RunFacts(harness=harness_commit(), planned=planned(run)))
    write_checksums(run)
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    (lost,) = [trial for trial in results["trials"] if trial["outcome"] == "lost"]
    name, entry = next((name, entry) for name, entry in lost["promises"].items() if entry["expected"] is None)
    rewrite(run, lost["door"], results["exit_code"], promises={**lost["promises"], name: entry})
    assert check(run, capsys)[0] == 0
    del lost["promises"][name]
    rewrite(run, lost["door"], results["exit_code"], promises=lost["promises"])
    code, said = check(run, capsys)
    assert code == 1
    assert f"the promise {name}: None then" in said
