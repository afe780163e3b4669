"""Several results folders joined into one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict, replace

from harness import cli
from harness.runs.merge import merge
from harness.runs.recheck import recheck
from harness.store.checksums import NAME, write_checksums
from harness.store.results import write_results, write_run
from harness.store.trial_folder import result
from harness.words.errors import UsageError
from harness.words.names import PREFECT_DEPLOY
from harness.words.plan import Cell, Plan
from harness.words.records import RunFacts, TrialResult
from tests.unit.plain import judge, read
from tests.unit.stories import whole_history


def run_folder(
    folder: Path, *outcomes: tuple[str, str], exit_code: int | None = 0, repetition: int = 1, version: str = ""
) -> Path:
    """A results folder with a trial for each subject and outcome, expected to survive."""
    plan = Plan(folder.name, folder, [])
    entries = []
    for subject, outcome in outcomes:
        cell = Cell(
            scenario="worker-outage", door=PREFECT_DEPLOY, subject=subject, version=version or subject, as_of="",
            engine="processes", database="sqlite", engine_detail="", lab="lab", expected="survived",
            repetition=repetition,
        )  # fmt: skip
        if outcome == "not-applicable":
            cell = replace(cell, scenario="concurrency-limit", outcome=outcome, expected=outcome)
        (plan.trial_folder(cell)).mkdir(parents=True)
        (plan.trial_folder(cell) / "report.md").write_text(f"{subject} in {folder.name}", encoding="utf-8")
        entries.append(tried(plan, cell, outcome))
    write_results(folder, entries, exit_code=exit_code, seconds=60)
    planned = [Path(entry.folder).name for entry in entries]
    write_run(folder, RunFacts(run=folder.name, command=f"nox -s gate  # {folder.name}", planned=planned))
    if exit_code is not None:
        write_checksums(folder)
    return folder


def tried(plan: Plan, cell: Cell, outcome: str) -> TrialResult:
    """A trial's entry, with the history that it follows from."""
    if cell.outcome:
        return result(plan, cell, [], None)
    events = whole_history(
        ("lost" if outcome == "lost" else "completed",) * 3, ("completed",) * 3, version=cell.version
    )
    facts = {name: getattr(cell, name) for name in ("scenario", "door", "engine", "database")}
    events[0] |= {**facts, "run": plan.run, "start": plan.start, "cell": asdict(cell)}
    if outcome == "error":
        events = events[:5]
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (plan.trial_folder(cell) / "history.jsonl").write_text(lines, encoding="utf-8")
    return result(plan, cell, read(events), judge(events))


def sums_anew(folder: Path, results: dict[str, Any]) -> None:
    """Write results.json, and the sums as if that had always been so."""
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_checksums(folder)


def saved(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return found


def test_the_trials_of_all_are_there_with_their_evidence_and_one_exit_code(tmp_path: Path) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    two = run_folder(tmp_path / "two", ("3.3.3", "lost"), exit_code=1)
    merge([one, two], tmp_path / "all")
    found = saved(tmp_path / "all")
    assert [(trial["subject"], trial["outcome"]) for trial in found["trials"]] == [
        ("3.3.4", "survived"),
        ("3.3.3", "lost"),
    ]
    assert (found["exit_code"], found["seconds"]) == (1, 120)
    for trial, said in zip(found["trials"], ("3.3.4 in one", "3.3.3 in two"), strict=True):
        assert (tmp_path / "all" / trial["folder"] / "report.md").read_text(encoding="utf-8") == said
    assert {path.name for path in (tmp_path / "all").iterdir()} >= {"junit.xml", "summary.md", "run.json"}


def test_a_cell_that_several_tried_is_so_many_repetitions(tmp_path: Path) -> None:
    runs = [run_folder(tmp_path / name, ("3.3.4", "survived"), repetition=2) for name in ("one", "two", "three")]
    merge(runs, tmp_path / "all")
    trials = saved(tmp_path / "all")["trials"]
    assert [trial["repetition"] for trial in trials] == [1, 2, 3]
    reports = [(tmp_path / "all" / trial["folder"] / "report.md").read_text(encoding="utf-8") for trial in trials]
    assert reports == ["3.3.4 in one", "3.3.4 in two", "3.3.4 in three"]
    assert "survived 3 of 3" in (tmp_path / "all" / "summary.md").read_text(encoding="utf-8")


def test_what_was_joined_is_held_to_the_plans_of_all(tmp_path: Path) -> None:
    runs = [run_folder(tmp_path / name, ("3.3.4", "survived"), ("3.3.5", "survived")) for name in ("one", "two")]
    merge(runs, tmp_path / "all", [{"subject": "3.9.1", "scenario": "worker-outage"}])
    assert recheck(tmp_path / "all").holds, "what no machine brought along was planned by none of the runs"
    found = saved(tmp_path / "all")
    gone = found["trials"].pop(3)
    shutil.rmtree(tmp_path / "all" / gone["folder"])
    sums_anew(tmp_path / "all", found)
    (said,) = recheck(tmp_path / "all").refused
    assert said == f"{gone['folder'].removesuffix('--2')}: 1 more planned than results.json has"


def test_what_could_not_be_judged_on_one_machine_is_not_judged_in_the_whole(tmp_path: Path) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    runs = [one, run_folder(tmp_path / "two", ("3.3.4", "error"), exit_code=125)]
    merge(runs, tmp_path / "all")
    assert saved(tmp_path / "all")["exit_code"] == 125


def test_a_run_that_did_not_come_to_its_end_is_no_success(tmp_path: Path) -> None:
    sound = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    cut_off = run_folder(tmp_path / "two", ("3.3.4", "survived"), exit_code=None)
    content = saved(cut_off)
    content["trials"][0].update(outcome=None, as_expected=None, reason="")
    (cut_off / "results.json").write_text(json.dumps(content), encoding="utf-8")
    shutil.rmtree(cut_off / "trials")
    merge([sound, cut_off], tmp_path / "all")
    found = saved(tmp_path / "all")
    assert found["exit_code"] == 125
    assert found["trials"][1]["reason"] == "its run did not come to its end"


@pytest.mark.rule("merge-lost-machine", "A cell that no machine brought is no success.")
def test_a_cell_that_no_machine_brought_along_is_no_success(tmp_path: Path) -> None:
    planned = [{"subject": "3.3.4", "scenario": name} for name in ("worker-outage", "awaiting-retry")]
    merge([run_folder(tmp_path / "one", ("3.3.4", "survived"))], tmp_path / "all", planned)
    found = saved(tmp_path / "all")
    assert found["exit_code"] == 125
    assert [(trial["scenario"], trial["outcome"]) for trial in found["trials"]] == [
        ("worker-outage", "survived"),
        ("awaiting-retry", None),
    ]


@pytest.mark.rule("merge-broken-part", "A part that broke makes no success.")
@pytest.mark.parametrize("ended", [125, 130])
def test_a_part_that_broke_though_its_trials_are_fine_makes_no_whole_that_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ended: int
) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    two = run_folder(tmp_path / "two", ("3.3.4", "survived"), exit_code=ended)
    assert cli.main(["merge", "--into", str(tmp_path / "all"), str(one), str(two)]) == 125
    assert f"two: ended with {ended}, by its trials 0" in capsys.readouterr().out
    assert saved(tmp_path / "all")["exit_code"] == 125


@pytest.mark.rule("merge-no-evidence", "A run that says more than its evidence shows makes no success.")
def test_a_trial_without_its_evidence_makes_no_whole_that_is_fine(tmp_path: Path) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    two = run_folder(tmp_path / "two", ("3.3.3", "survived"), ("2.20.20", "not-applicable"))
    for folder in (two / "trials").iterdir():
        shutil.rmtree(folder)
    write_checksums(two)
    joined = merge([one, two], tmp_path / "all")
    assert joined.exit_code == saved(tmp_path / "all")["exit_code"] == 125
    (said,) = joined.broken
    assert said.startswith(f"{two}: no evidence of 1 of its trials") and "3.3.3" in said
    assert len(list((tmp_path / "all" / "trials").iterdir())) == 1


def test_what_a_link_in_evidence_names_is_not_taken_along_from_a_run_that_was_cut_off(tmp_path: Path) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"), exit_code=None)
    (folder,) = (one / "trials").iterdir()
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (folder / "server.log").symlink_to(tmp_path / "secret")
    assert merge([one], tmp_path / "all").exit_code == 125
    taken = {path.name for path in (tmp_path / "all" / "trials" / folder.name).iterdir()}
    assert taken == {"report.md", "history.jsonl"}


def test_a_run_with_a_link_is_not_joined(tmp_path: Path) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    (folder,) = (one / "trials").iterdir()
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (folder / "server.log").symlink_to(tmp_path / "secret")
    with pytest.raises(UsageError, match="is a link"):
        merge([one], tmp_path / "all")
    assert not (tmp_path / "all").exists()


@pytest.mark.rule("merge-joined-before", "A run that was joined before is not joined again beside the joined one.")
def test_a_run_that_was_joined_before_is_not_joined_again_beside_that(tmp_path: Path) -> None:
    one, two = (run_folder(tmp_path / name, ("3.3.4", "survived")) for name in ("one", "two"))
    merge([one], tmp_path / "first")
    with pytest.raises(UsageError, match="The run one is given twice"):
        merge([tmp_path / "first", one], tmp_path / "all")
    merge([tmp_path / "first", two], tmp_path / "all")
    runs = json.loads((tmp_path / "all" / "run.json").read_text(encoding="utf-8"))["merged"]
    assert [run["run"] for run in runs] == ["one", "two"]


@pytest.mark.rule("merge-cell-by-folder", "Trials in the same cell folder are repetitions, even at two versions.")
def test_a_subject_at_two_versions_is_two_repetitions(tmp_path: Path) -> None:
    runs = [run_folder(tmp_path / version, ("latest", "survived"), version=version) for version in ("3.9.1", "3.9.2")]
    merge(runs, tmp_path / "all")
    assert [trial["version"] for trial in saved(tmp_path / "all")["trials"]] == ["3.9.1", "3.9.2"]
    assert [trial["repetition"] for trial in saved(tmp_path / "all")["trials"]] == [1, 2]
    assert recheck(tmp_path / "all").objections == []


def call_it_great(folder: Path) -> None:
    content = saved(folder)
    content["trials"][0].update(outcome="great", as_expected=True)
    sums_anew(folder, content)


def call_it_survived(folder: Path) -> None:
    content = saved(folder)
    content["trials"][0].update(outcome="survived", as_expected=True, lost=0, kept=3)
    sums_anew(folder, {**content, "exit_code": 0})


def list_it_twice(folder: Path) -> None:
    content = saved(folder)
    sums_anew(folder, {**content, "trials": content["trials"] * 2})


def change_a_file(folder: Path) -> None:
    for file in folder.rglob("report.md"):
        file.write_text("all is well", encoding="utf-8")


@pytest.mark.rule("merge-refused-run", "A run that a recheck refuses is not joined.")
@pytest.mark.parametrize("forge", [call_it_great, call_it_survived, list_it_twice, change_a_file])
def test_a_run_that_a_recheck_refuses_is_not_joined(tmp_path: Path, forge: Callable[[Path], None]) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    two = run_folder(tmp_path / "two", ("3.3.3", "lost"), exit_code=1)
    forge(two)
    with pytest.raises(UsageError, match="does not hold, and is not joined"):
        merge([one, two], tmp_path / "all")
    assert not (tmp_path / "all").exists()


@pytest.mark.rule("merge-unended", "A run without its end or its histories makes no success.")
def test_a_run_whose_histories_or_sums_are_gone_makes_no_success(tmp_path: Path) -> None:
    one, two = (run_folder(tmp_path / name, ("3.3.4", "survived")) for name in ("one", "two"))
    for history in one.rglob("history.jsonl"):
        history.unlink()
    write_checksums(one)
    (two / NAME).unlink()
    joined = merge([one, two], tmp_path / "all")
    assert joined.exit_code == 125
    assert "no evidence of 1 of its trials" in joined.broken[1] and "no readable SHA256SUMS" in joined.broken[0]


@pytest.mark.rule("merge-copy", "A copy of a run is no repetition of it.")
def test_a_copy_of_a_run_without_an_id_is_no_repetition(tmp_path: Path) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    write_run(one, RunFacts())
    write_checksums(one)
    shutil.copytree(one, tmp_path / "two")
    with pytest.raises(UsageError, match="is a copy of"):
        merge([one, tmp_path / "two"], tmp_path / "all")


def test_a_planned_scenario_that_is_none_is_told_before_anything_is_written(tmp_path: Path) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    with pytest.raises(UsageError, match="worker-outag"):
        merge([one], tmp_path / "all", [{"subject": "3.3.4", "scenario": "worker-outag"}])
    assert not (tmp_path / "all").exists()


def test_what_an_earlier_harness_did_not_write_yet_is_not_missed(tmp_path: Path) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    content = saved(one)
    del content["trials"][0]["repetition"]
    sums_anew(one, content)
    merge([one], tmp_path / "all")
    assert saved(tmp_path / "all")["trials"][0]["repetition"] == 1


@pytest.mark.rule("merge-same-run-twice", "One run that is given twice is no repetition.")
def test_one_run_given_twice_is_no_repetition(tmp_path: Path) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    (tmp_path / "latest").symlink_to("one")
    with pytest.raises(UsageError, match="is given twice"):
        merge([one, tmp_path / "latest"], tmp_path / "all")


def test_the_command_prints_the_table_and_ends_with_the_code_of_the_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = run_folder(tmp_path / "one", ("3.3.3", "lost"), exit_code=1)
    assert cli.main(["merge", "--into", str(tmp_path / "all"), str(one)]) == 1
    assert "worker-outage" in capsys.readouterr().out


def unreadable(folder: Path) -> None:
    (folder / "results.json").write_text("{", encoding="utf-8")


def damaged(name: str, value: Any, folder: Path) -> None:
    content = saved(folder)
    (content if name in content else content["trials"][0])[name] = value
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")


def lacking(folder: Path) -> None:
    content = saved(folder)
    del content["trials"][0]["outcome"]
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")


def empty_twin(folder: Path) -> None:
    content = saved(folder)
    content["trials"][0]["twin"] = {}
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")


def newer(folder: Path) -> None:
    content = {**saved(folder), "schema": 2}
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (unreadable, "no readable"),
        (newer, "schema 2"),
        (lacking, "results.json, trial 1: `outcome` is missing"),
        (empty_twin, "trial 1: `twin.at_risk` is missing"),
        *(
            (partial(damaged, name, value), words)
            for name, value, words in (
                ("trials", None, "results.json: `trials` must be a list, not null"),
                ("trials", [None], "trial 1: it must be an object, not null"),
                ("seconds", "60", "results.json: `seconds` must be a number, not '60'"),
                ("exit_code", "0", "`exit_code` must be a whole number or null, not '0'"),
                ("twin", None, "trial 1: `twin` must be an object, not null"),
                ("folder", 5, "trial 1: `folder` must be text, not 5"),
                ("outcome", [], "trial 1: `outcome` must be text or null, not a list"),
                ("at_risk", "3", "trial 1: `at_risk` must be a whole number, not '3'"),
            )
        ),
    ],
)
def test_what_is_no_whole_results_folder_is_refused_and_nothing_is_written(
    tmp_path: Path, spoil: Any, words: str
) -> None:
    sound = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    spoilt = run_folder(tmp_path / "two", ("3.3.4", "survived"))
    spoil(spoilt)
    with pytest.raises(UsageError, match=words):
        merge([sound, spoilt], tmp_path / "all")
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("into", ["file", "dangling", "file/below"])
def test_what_is_no_place_for_a_folder_is_not_merged_into(tmp_path: Path, into: str) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(UsageError, match=r"is no empty folder|cannot be written to"):
        merge([one], tmp_path / into)


def test_a_folder_that_holds_something_is_not_merged_into(tmp_path: Path) -> None:
    one = run_folder(tmp_path / "one", ("3.3.4", "survived"))
    with pytest.raises(UsageError, match="is no empty folder"):
        merge([one], tmp_path)
