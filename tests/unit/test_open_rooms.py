"""What lies in an open room is found by listing its folder: a new file touches no other."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest

import harness.checkers
import harness.commands
import harness.doors
import harness.evidence
import harness.known
from harness import cli
from harness.checkers import Check, Checker, load_checkers
from harness.doors import load_doors
from harness.evidence import Run, load_writers, write_evidence
from harness.evidence.report import report
from harness.faults import load_faults
from harness.known import load_known
from harness.runs.conclude import conclude
from harness.runs.plan import choose_trials, plan_cell
from harness.runs.recheck import recheck
from harness.store.checksums import write_checksums
from harness.store.results import harness_commit, write_results, write_run
from harness.store.trial_folder import result
from harness.subjects.overlays import load_overlays
from harness.trials import scenario
from harness.trials.scenario import load_scenarios
from harness.verdict import outcomes
from harness.verdict.outcomes import exit_code
from harness.words.errors import UsageError
from harness.words.facts import Deployment
from harness.words.places import ROOT
from harness.words.plan import Cell, Plan
from harness.words.records import RunFacts
from harness.words.rooms import module_at
from tests.unit.plain import judge, read
from tests.unit.stories import whole_history

PAGES = ROOT / "docs" / "how-to"
WITH_A_DATACLASS = """
from __future__ import annotations
from dataclasses import dataclass
from harness.trials.scenario import Scenario
@dataclass
class Own:
    seconds: float
scenario = Scenario(
    summary=str(Own(2.0)), state="Late", ticks=2, interval=1, minimum=2, backlog="late", fault="worker-killed"
)
"""


def example(page: str, language: str) -> str:
    """The first example of a how-to page in this language: what it tells people to write."""
    found = re.search(rf"```{language}\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"{page} has no example in {language}"
    return textwrap.dedent(found[1])


@pytest.fixture
def with_a_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more file in the room of doors."""
    (tmp_path / "patch_tags.py").write_text(example("add-a-door.md", "python"), encoding="utf-8")
    monkeypatch.setattr(harness.doors, "__path__", [*harness.doors.__path__, str(tmp_path)])
    load_doors.cache_clear()
    yield
    load_doors.cache_clear()


@pytest.mark.usefixtures("with_a_door")
def test_a_new_file_is_a_new_door_in_the_plan_in_the_help_and_with_what_is_known_of_its_family(
    capsys: pytest.CaptureFixture[str],
) -> None:
    door = load_doors()["patch-tags"]
    assert door.summary == "PATCH /deployments/{id} of the tags"
    outage = load_scenarios()["worker-outage"]
    assert ("worker-outage", "patch-tags") in [(one.name, of.name) for one, of in choose_trials("matrix", [], [])]
    cell = plan_cell(outage, door, subject="3.3.3", version="3.3.3", as_of="", engine="fake", engine_detail="")
    assert (cell.door, cell.outcome) == ("patch-tags", None)
    with pytest.raises(SystemExit):
        cli.main(["reproduce", "--help"])
    assert "patch-tags" in capsys.readouterr().out.replace("\n", "").replace(" ", "")


def test_a_new_file_is_a_new_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "how_many.py").write_text(example("add-a-command.md", "python"), encoding="utf-8")
    monkeypatch.setattr(harness.commands, "__path__", [*harness.commands.__path__, str(tmp_path)])
    monkeypatch.setattr(harness.commands, "commands", harness.commands.commands.__wrapped__)
    monkeypatch.setattr(cli, "commands", harness.commands.commands)
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "Say how many scenarios there are" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["how-many", "--twice"]) == 0
    assert capsys.readouterr().out == f"{2 * len(load_scenarios())}\n"


@pytest.mark.parametrize("words", [["--help"], ["recheck", "nowhere"], ["bundle", "nowhere"]])
def test_what_needs_no_engine_loads_none(words: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "harness", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "argparse" in loaded
    assert not loaded & {"docker", "testcontainers", "uv", "pytest"}


def test_a_new_file_is_a_new_overlay(tmp_path: Path) -> None:
    (tmp_path / "keep_what_is_due.py").write_text(example("add-an-overlay.md", "python"), encoding="utf-8")
    overlay = load_overlays(tmp_path)["keep-what-is-due"]
    assert (
        overlay.summary
        == "Pausing a deployment, or deleting one of its schedules, keeps the runs that are already due."
    )
    assert (overlay.releases, overlay.found) == (">=3.3.4", None)


@pytest.fixture
def evidence_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One more folder of evidence writers."""
    monkeypatch.setattr(harness.evidence, "__path__", [*harness.evidence.__path__, str(tmp_path / "writers")])
    (tmp_path / "writers").mkdir()
    load_writers.cache_clear()
    yield tmp_path / "writers"
    load_writers.cache_clear()
    for name in ("lost_runs", "of_a_run", "fails"):
        sys.modules.pop(f"harness.evidence.{name}", None)


OF_A_RUN = '''
"""The outcomes, one a line."""
from harness.evidence import Run, RunWriter

writer = RunWriter("outcomes.txt", lambda run: "".join(f"{trial.outcome}\\n" for trial in run.results.trials))
'''
FAILS = '''
"""Nothing."""
from harness.evidence import Judged, TrialWriter


def of(judged: Judged) -> str:
    raise RuntimeError("planted")


writer = TrialWriter("fails.txt", of)
'''


def a_run(folder: Path, *, lost: bool) -> Path:
    """The folder of a run of one trial, with all that its writers write; returns the trial's folder."""
    cell = plan_cell(
        load_scenarios()["worker-outage"], load_doors()["prefect-deploy"], subject="3.3.3", version="3.3.3", as_of="",
        engine="fake", engine_detail="",
    )  # fmt: skip
    plan = Plan("run", folder, [cell])
    events = whole_history(("lost" if lost else "completed",) * 3, ("completed",) * 3, version="3.3.3")
    staged = load_scenarios()["worker-outage"]
    events[0] |= {name: getattr(staged, name) for name in ("state", "minimum", "ticks", "interval", "judged_by")}
    events[0] |= {"cell": msgspec.to_builtins(cell), "engine": "fake", "database": "sqlite", "start": plan.start}
    own = plan.trial_folder(cell)
    own.mkdir(parents=True)
    (own / "history.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    entries = [conclude(plan, cell)]
    write_results(folder, entries, exit_code=exit_code(entries), seconds=1.0)
    write_run(folder, RunFacts(harness=harness_commit(), command="nox -s reproduce", planned=[own.name]))
    write_evidence(Run.read(folder), folder, nullcontext)
    write_checksums(folder)
    return own


def test_a_new_file_is_a_new_writer_in_the_run_on_its_page_in_the_reference_and_in_a_recheck(
    evidence_folder: Path, tmp_path: Path
) -> None:
    (evidence_folder / "lost_runs.py").write_text(example("add-an-evidence-writer.md", "python"), encoding="utf-8")
    (evidence_folder / "of_a_run.py").write_text(OF_A_RUN, encoding="utf-8")
    lost, kept = (a_run(tmp_path / name, lost=name == "lost") for name in ("lost", "kept"))
    assert (lost / "lost.txt").read_text(encoding="utf-8").splitlines() == [f"treated-run-{n}" for n in range(3)]
    assert not (kept / "lost.txt").exists(), "what is empty is not there"
    assert (tmp_path / "lost" / "outcomes.txt").read_text(encoding="utf-8") == "lost\n"
    assert f'href="trials/{lost.name}/lost.txt"' in (tmp_path / "lost" / "index.html").read_text(encoding="utf-8")
    pages = runpy.run_path(str(ROOT / "docs" / "reference.py"))["PAGES"]
    line = "| `lost.txt` | each trial | The ids of the runs that were lost, one a line, for a script | yes |"
    assert line in pages["evidence.md"]()
    assert recheck(tmp_path / "lost").objections == []
    for file in (lost / "lost.txt", tmp_path / "lost" / "outcomes.txt"):
        written = file.read_text(encoding="utf-8")
        file.write_text("another\n", encoding="utf-8")
        write_checksums(tmp_path / "lost")
        name = str(file.relative_to(tmp_path / "lost"))
        assert recheck(tmp_path / "lost").objections == [f"{name!r} is not what its histories come to"]
        file.write_text(written, encoding="utf-8")


def test_a_writer_that_fails_keeps_no_other_file_from_the_run(evidence_folder: Path, tmp_path: Path) -> None:
    (evidence_folder / "fails.py").write_text(FAILS, encoding="utf-8")
    own = a_run(tmp_path / "run", lost=True)
    assert "RuntimeError: planted" in (own / "not-written.txt").read_text(encoding="utf-8")
    assert not (own / "fails.txt").exists()
    assert all((own / name).exists() for name in ("report.md", "timeline.svg", "verdict.json"))


def test_what_doors_have_in_common_is_no_door_and_so_with_faults_and_scenarios() -> None:
    assert not [name for room in (load_doors(), load_faults(), load_scenarios()) for name in room if name[0] in "-_"]


def test_each_fault_says_in_sentences_what_it_does_and_how_it_is_lifted() -> None:
    for name, fault in load_faults().items():
        assert fault.summary.endswith("."), name
        assert fault.lifted.endswith("."), name


def test_a_scenario_that_names_no_fault_there_is_is_answered_with_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = example("add-a-scenario.md", "python").replace("worker-killed", "worker-kiled")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "scenario.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(scenario, "PLACES", [tmp_path])
    with pytest.raises(UsageError, match=r"There is no fault .worker-kiled.\. Did you mean .worker-killed."):
        load_scenarios.__wrapped__()


@pytest.fixture
def with_a_checker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more file in the room of checkers."""
    (tmp_path / "one_at_a_time.py").write_text(example("add-a-checker.md", "python"), encoding="utf-8")
    monkeypatch.setattr(harness.checkers, "__path__", [*harness.checkers.__path__, str(tmp_path)])
    load_checkers.cache_clear()
    yield
    load_checkers.cache_clear()
    sys.modules.pop("harness.checkers.one_at_a_time")


@pytest.mark.usefixtures("with_a_checker")
def test_a_new_file_is_a_new_checker_in_the_verdict_and_in_the_report() -> None:
    lines = whole_history(("completed",) * 3, ("completed",) * 3)
    assert judge(lines).outcome == "survived"
    marks = next(line["executions"] for line in reversed(lines) if line["kind"] == "executions")
    holder = next(mark for mark in marks if mark["run"] == "treated-holder")  # which is not at risk
    marks.append({**holder, "process": 2, "began": "2030-01-01T00:00:29Z", "ended": "2030-01-01T00:00:31Z"})
    found = judge(lines)
    assert found.outcome == "altered"
    assert "was executed by two processes at once" in found.checks["one_at_a_time"].reason
    assert "was executed by two processes at once" in found.reason
    planned = Cell("worker-outage", "prefect-deploy", "3.3.4", "3.3.4", "", "fake", "sqlite", "a fake", "lab")
    text = report(planned, result(Plan("run", Path(), []), planned, read(lines), found), found, read(lines))
    assert "| `one_at_a_time` | Whether each flow run was executed by one process at a time | altered: run" in text


@pytest.fixture
def with_a_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more promise: the second example of the page on checkers."""
    text = (PAGES / "add-a-checker.md").read_text(encoding="utf-8")
    _, code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "in_its_queue.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(harness.checkers, "__path__", [*harness.checkers.__path__, str(tmp_path)])
    load_checkers.cache_clear()
    yield
    load_checkers.cache_clear()
    sys.modules.pop("harness.checkers.in_its_queue")


@pytest.mark.usefixtures("with_a_promise")
def test_a_new_file_is_a_new_promise_in_the_plan_of_a_gate_in_the_verdict_in_the_reference_and_in_the_report() -> None:
    outage, door = load_scenarios()["worker-outage"], load_doors()["prefect-deploy"]
    held = plan_cell(
        outage, door, subject="3.3.4", version="3.3.4", as_of="", engine="fake", engine_detail="", held=True
    )
    assert held.promises["in_its_queue"].outcome == "held"
    lines = whole_history(("completed",) * 3, ("completed",) * 3)
    assert judge(lines).promises["in_its_queue"].outcome == "held"
    moved = next(line["runs"] for line in reversed(lines) if line["kind"] == "listing")
    next(run for run in moved if run["run"] == "treated-holder")["work_queue_name"] = "another"
    found = judge(lines)
    assert (found.outcome, found.promises["in_its_queue"].outcome) == ("survived", "broken")
    entry = result(Plan("run", Path(), []), held, read(lines), found)
    assert exit_code([entry]) == 1
    text = report(held, entry, found, read(lines))
    assert "**broken** `in_its_queue`: A run stays in the work queue that it was made for." in text
    pages = runpy.run_path(str(ROOT / "docs" / "reference.py"))["PAGES"]
    assert "| `in_its_queue` | Whether each run stays in the work queue" in pages["checkers.md"]()


def test_a_checker_that_raises_leaves_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(_events: object) -> Check:
        raise LookupError("what it wanted")

    broken = Checker("broken", "A checker that raises", raises)
    monkeypatch.setattr(outcomes, "load_checkers", lambda: {**load_checkers(), "broken": broken})
    found = judge(whole_history(("lost",) * 3, ("completed",) * 3))
    assert (found.outcome, found.reason) == ("error", "the history could not be judged: LookupError: what it wanted")


# A page, and of what it has written: a page of the reference that shows it, and what a command then says of it.
PAGES_OF_FILES = [
    ("add-a-door.md", "doors.md", "| `patch-tags` | PATCH /deployments/{id} of the tags |", "patch-tags"),
    ("add-a-fault.md", "faults.md", "| `pool-paused` | The work pool is paused, and hands out no run; a", ""),
    (
        "add-a-checker.md",
        "checkers.md",
        "| `one_at_a_time` | Whether each flow run was executed by one process at a time",
        "",
    ),
    ("add-a-scenario.md", "scenarios.md", "| `long-outage` | A worker is killed; six scheduled runs", "long-outage"),
]


@pytest.mark.parametrize(
    ("page", "shown_in", "row", "in_help"), PAGES_OF_FILES, ids=[page for page, *_ in PAGES_OF_FILES]
)
def test_what_a_how_to_page_has_written_is_one_new_file_and_that_is_all(
    tmp_path: Path, page: str, shown_in: str, row: str, in_help: str
) -> None:
    """In a copy of all that has a part in it: the file shows in the help and in the reference, and no other changed."""
    named = re.search(r"Write `((?:harness|scenarios)/[\w/-]+\.py)`", (PAGES / page).read_text(encoding="utf-8"))
    assert named, f"{page} names no file to write"
    for name in ("harness", "scenarios", "docs/reference.py"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    (tmp_path / named[1]).unlink(missing_ok=True)  # whoever follows the page has written it
    before = contents(tmp_path)
    (tmp_path / named[1]).parent.mkdir(exist_ok=True)
    (tmp_path / named[1]).write_text(example(page, "python"), encoding="utf-8")
    shows = f"import runpy; print(runpy.run_path('docs/reference.py')['PAGES']['{shown_in}']())"
    said = said_by(tmp_path, "-c", shows)
    assert row in said
    assert in_help in said_by(tmp_path, "-m", "harness", "reproduce", "--help").replace("\n", "").replace(" ", "")
    after = contents(tmp_path)
    assert {name for name in after if after[name] != before.get(name)} == {named[1]}
    assert not before.keys() - after.keys()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path from there, but for what Python compiled of it."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def said_by(folder: Path, *words: str) -> str:
    """What Python says to these words where `folder` holds the harness."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


KNOWN = """
summary = "Something"
reference = "PrefectHQ/prefect#1"

[[known]]
backlogs = ["overdue"]
doors = ["resume-deployment"]
versions = ">=3.9.1"
outcome = "survived"
"""


def test_the_example_of_the_page_is_read_as_it_stands(known_folder: Path) -> None:
    (known_folder / "of-the-page.toml").write_text(example("add-a-known-outcome.md", "toml"), encoding="utf-8")
    (found,) = [one for one in load_known() if one.versions == "<3.3.4" and one.backlogs == ["overdue"]][1:]
    assert (found.outcome, found.reference) == ("lost", "PrefectHQ/prefect#17764")


@pytest.fixture
def known_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One more folder of known outcomes."""
    monkeypatch.setattr(harness.known, "__path__", [*harness.known.__path__, str(tmp_path)])
    load_known.cache_clear()
    yield tmp_path
    load_known.cache_clear()


def test_a_new_file_is_known_in_the_plan(known_folder: Path) -> None:
    (known_folder / "resuming.toml").write_text(KNOWN, encoding="utf-8")
    outage, door = load_scenarios()["worker-outage"], load_doors()["resume-deployment"]
    cells = {
        version: plan_cell(outage, door, subject=version, version=version, as_of="", engine="fake", engine_detail="")
        for version in ("3.9.0", "3.9.1")
    }
    assert {version: cell.expected for version, cell in cells.items()} == {"3.9.0": None, "3.9.1": "survived"}
    assert cells["3.9.1"].reference == "PrefectHQ/prefect#1"


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('outcome = "survived"', "outcome = 3", "known[0].outcome"),
        ('doors = ["resume', 'door = ["resume', "unknown field `door`"),
        ('versions = ">=3.9.1"', 'versions = "new"', "new"),
        ("[[known]]", "[[known", "Expected"),
    ],
)
def test_a_file_that_is_none_is_named(known_folder: Path, was: str, becomes: str, said: str) -> None:
    (known_folder / "odd.toml").write_text(KNOWN.replace(was, becomes), encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        load_known()
    assert "odd.toml" in str(raised.value)
    assert said in str(raised.value)


ROOMS = ("checkers", "doors", "evidence", "faults")


@pytest.mark.parametrize("room", ROOMS)
def test_a_file_of_a_room_imports_from_the_shared_files_of_its_room_and_not_from_the_room(room: str) -> None:
    """Whoever imports the room imports all that it shares, which import-linter takes for an import of another file."""
    folder = ROOT / "harness" / room
    files = [path.read_text(encoding="utf-8") for path in folder.glob("[!_]*.py")]
    pages = [path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")]
    whole = re.compile(rf"^\s*from harness\.{room} import (.*)", re.M)
    names = {name for text in (*files, *pages) for said in whole.findall(text) for name in said.split(", ")}
    assert {name for name in names if not (folder / f"{name}.py").exists()} <= {f"load_{room}", "load_writers"}


def test_a_door_names_fields_that_a_history_has_and_a_family_that_is_known() -> None:
    """A field that is misspelled would never change, and so always seem to stay; nothing is known of such a family."""
    fields = {*Deployment.__struct_fields__}
    families = {"", *(family for known in load_known() for family in known.families)}
    for door in load_doors().values():
        assert {effect.field for effect in (*door.proof.effects, *door.proof.asks)} <= fields, door.name
        assert door.family in families, door.name


def test_what_a_scenario_is_made_of_may_be_a_dataclass_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "scenario.py").write_text(WITH_A_DATACLASS, encoding="utf-8")
    with scenario.scenarios_from(tmp_path) as names:
        assert names == ("own",)
        assert load_scenarios()["own"].summary == "Own(seconds=2.0)"


def test_a_module_that_breaks_off_leaves_nothing_of_itself(tmp_path: Path) -> None:
    (path := tmp_path / "broken.py").write_text("1 / 0", encoding="utf-8")
    with pytest.raises(ZeroDivisionError):
        module_at(path, "broken_off")
    assert "broken_off" not in sys.modules
