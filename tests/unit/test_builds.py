"""Subjects are built side by side, and each lab begins as soon as its own is there."""

from __future__ import annotations

import io
import json
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

from harness.runs import building, labs, run
from harness.runs.ask import RunAsk
from harness.runs.builds import say_built, wait_until_built
from harness.runs.run import run_matrix
from harness.store.results import read_results
from harness.store.trial_folder import result
from harness.subjects.release import Release, Target
from harness.verdict.outcomes import EXIT_UNJUDGED
from harness.words.errors import LabError
from harness.words.plan import Plan

pytestmark = pytest.mark.usefixtures("own_scratch")


def test_a_lab_waits_for_its_own_subject_and_gets_its_keys_by_role() -> None:
    asked = 0

    def check() -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            say_built("a-run", "3.3.4/worker=3.3.3", {"server": "one", "worker": "other"})

    say_built("a-run", "3.3.4", {"server": "one"})
    assert wait_until_built("a-run", "3.3.4/worker=3.3.3", check) == {"server": "one", "worker": "other"}
    assert asked == 2, "it was there only then"


def test_a_lab_whose_command_is_gone_waits_no_longer() -> None:
    def gone() -> None:
        raise LabError("the command is gone")

    with pytest.raises(LabError, match="the command is gone"):
        wait_until_built("a-run", "3.3.4", gone)


class Engine:
    """No subject of it can be built, and 3.3.4 says so once the other's trials are known to be an error."""

    name = "processes"

    def __init__(self, results: Path) -> None:
        self._results = results
        self.seen = threading.Event()

    def target(self) -> Target:
        return Target("3.11", "")

    def prepare(self, *_: object) -> None:
        pass

    def describe(self) -> str:
        return "no processes"

    resolve_image = close = prepare

    def build(self, release: Release, _say: object) -> str:
        for _ in range(600) if release.version == "3.3.4" else ():
            trials = json.loads((self._results / "latest" / "results.json").read_text(encoding="utf-8"))["trials"]
            if "error" in {trial["outcome"] for trial in trials if trial["subject"] == "3.3.3"}:
                self.seen.set()
                break
            time.sleep(0.05)
        raise LabError(f"no wheel of {release.version}", source="build")


# docker-py does not close the socket of an engine that is installed and does not run.
@pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")
def test_what_came_of_one_subject_is_known_before_another_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(tmp_path / "results")
    monkeypatch.setattr(run, "choose_engine", lambda _: (engine, "the usual"))
    monkeypatch.setattr(building, "resolve", lambda asked, *_: Release(asked, asked, "", ""))
    ask = RunAsk(subjects=("3.3.4", "3.3.3"), results=tmp_path / "results", keep="never")
    (tmp_path / "results").mkdir()
    printed = io.StringIO()
    code = run_matrix(ask, Console(file=printed, width=200))
    assert engine.seen.is_set(), printed.getvalue()
    trials = read_results(tmp_path / "results" / "latest").trials
    assert [(trial.outcome, trial.reason) for trial in trials] == [
        ("error", f"in phase build: no wheel of {trial.subject}") for trial in trials
    ]
    assert (code, len(trials)) == (EXIT_UNJUDGED, 4)


class Built(Engine):
    """Every subject of it is there at once."""

    def build(self, release: Release, _say: object) -> str:
        return "a key"


def pytest_that_ends_with(code: int) -> type:
    """A process that leaves every trial as survived, as is expected of it, and ends with this code."""

    class Ended:
        pid = -1

        def __init__(self, command: list[str], **_: object) -> None:
            plan = Plan.read(Path(command[command.index("--plan") + 1]))
            for cell in plan.cells:
                entry = result(plan, replace(cell, outcome="survived"), [], None)
                plan.trial_folder(cell).mkdir(parents=True, exist_ok=True)
                (plan.trial_folder(cell) / "verdict.json").write_bytes(msgspec.json.encode(entry))

        def poll(self) -> int:
            return code

    return Ended


@pytest.mark.rule("exit-125-pytest-broke", "A pytest that ends by itself makes no success.")
@pytest.mark.parametrize(("ended", "code"), [(0, 0), (1, 0), (2, 125), (3, 125), (4, 125)])
@pytest.mark.filterwarnings("ignore:unclosed <socket.socket:ResourceWarning")
def test_a_pytest_that_ends_by_itself_makes_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: int, code: int
) -> None:
    monkeypatch.setattr(run, "choose_engine", lambda _: (Built(tmp_path), "as asked"))
    monkeypatch.setattr(building, "resolve", lambda asked, *_: Release(asked, asked, "", ""))
    processes = {**vars(subprocess), "Popen": pytest_that_ends_with(ended)}
    monkeypatch.setattr(labs, "subprocess", SimpleNamespace(**processes))
    ask = RunAsk(subjects=("3.3.4",), results=tmp_path, keep="never", labs=1, start="exec")
    printed = io.StringIO()
    assert run_matrix(ask, Console(file=printed, width=200)) == code
    assert (f"pytest ended with {ended}" in printed.getvalue()) is bool(code)
