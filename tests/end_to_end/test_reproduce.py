"""The whole way, as a person runs it: real Prefect, both scenarios, an unpatched and a patched release."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.trials.scenario import load_scenarios
from harness.verdict.outcomes import EXIT_UNJUDGED
from harness.words import cache
from harness.words.names import EXEC, FORK
from harness.words.scratch import scratch_root

pytestmark = pytest.mark.end_to_end

CELLS = {
    ("worker-outage", "3.3.3"): "lost",
    ("concurrency-limit", "3.3.3"): "lost",
    ("worker-outage", "3.3.4"): "survived",
    ("concurrency-limit", "3.3.4"): "survived",
    ("worker-outage", "3.3.3+keep-waiting-runs"): "survived",
    ("concurrency-limit", "3.3.3+keep-waiting-runs"): "survived",
}


def reproduce(results: Path, *options: str, command: str = "reproduce") -> tuple[int, dict[str, Any], str]:
    """Run the command; returns its exit code, results.json, and what it printed."""
    line = [sys.executable, "-m", "harness", command, "--results", str(results), *options]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=2400, cwd=results)
    printed = done.stdout + done.stderr
    content = json.loads((results / "latest" / "results.json").read_text(encoding="utf-8"))
    return done.returncode, content, printed


# Started anew, labs run one after the other. What differs by the start is how an overlay is loaded, not the release.
STARTED_ANEW = ("3.3.3", "3.3.3+keep-waiting-runs")


def check_default_run(results: Path, engine: str, start: str = FORK, subjects: Sequence[str] = ()) -> None:
    # A folder with a space in its name, and a hostile environment around it, are part of the everyday.
    options = ["--engine", engine, "--start", start, *(word for one in subjects for word in ("--subject", one))]
    code, content, printed = reproduce(results, *options)
    if code == EXIT_UNJUDGED:
        # A machine that gives its processors to others can keep a trial from a verdict, and the harness says so. Once:
        # a harness that cannot judge fails here the second time, and a verdict that is wrong fails at once.
        code, content, printed = reproduce(results, *options)
    trials = {(trial["scenario"], trial["subject"]): trial for trial in content["trials"]}
    expected = {cell: outcome for cell, outcome in CELLS.items() if not subjects or cell[1] in subjects}
    assert {cell: trial["outcome"] for cell, trial in trials.items()} == expected, printed
    assert code == content["exit_code"] == 0
    for (scenario, subject), trial in trials.items():
        needed = load_scenarios()[scenario].minimum
        assert (trial["engine"], trial["start"]) == (engine, start)
        assert trial["lost"] in (0, trial["at_risk"])
        assert trial["ticks"]["outcome"] == ("missing" if trial["lost"] else "whole")
        assert trial["version"] == subject.partition("+")[0]
        assert trial["at_risk"] >= needed
        assert trial["twin"]["at_risk"] >= needed
        assert trial["twin"]["lost"] == 0
        folder = results / "latest" / trial["folder"]
        for name in ("history.jsonl", "verdict.json", "report.md", "subject.lock", "logs/server.log"):
            assert (folder / name).stat().st_size > 0, f"{folder / name} is empty"


@pytest.mark.parametrize(("start", "subjects"), [(FORK, ()), (EXEC, STARTED_ANEW)])
def test_the_default_run_under_processes_loses_on_3_3_3_and_survives_with_either_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, subjects: Sequence[str]
) -> None:
    results = tmp_path / "results with a space"
    results.mkdir()
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plant_hostile_environment(results, monkeypatch, f"http://127.0.0.1:{listener.getsockname()[1]}/api")
        check_default_run(results, "processes", start, subjects)
        assert not somebody_called(listener), "a request went to the server that the environment named"
    reached = [path.read_text(encoding="utf-8") for path in (results / "reached").iterdir()]
    assert reached, "the harness itself is a person's own Python, or nothing was planted"
    assert not [prefix for prefix in reached if str(cache.root()) in prefix], "it reached the subject's interpreter"
    text = "".join(path.read_text(encoding="utf-8", errors="replace") for path in results.rglob("*") if path.is_file())
    assert "hunter2-very-secret" not in text
    left = [path for path in temporary.rglob("*") if path.name != scratch_root().name]
    assert not left, "a killed worker's folder in TMPDIR outlived its lab"


@pytest.mark.containers
@pytest.mark.usefixtures("docker_engine")
def test_the_default_run_in_containers_loses_on_3_3_3_and_survives_on_3_3_4(tmp_path: Path) -> None:
    check_default_run(tmp_path, "containers")


OF_TWO = "3.3.4/worker=3.3.3/deployer=3.3.3"


def test_each_role_of_a_split_subject_is_forked_from_its_own_release(tmp_path: Path) -> None:
    options = ["--engine", "processes", "--scenario", "worker-outage", "--subject", OF_TWO]
    code, content, printed = reproduce(tmp_path, *options, command="gate")
    (trial,) = content["trials"]
    assert (code, trial["outcome"], trial["start"]) == (0, "survived", "fork"), printed
    history = (tmp_path / "latest" / trial["folder"] / "history.jsonl").read_text(encoding="utf-8")
    events = [json.loads(line) for line in history.splitlines()]
    said = {event["role"]: event["said"] for event in events if event["kind"] == "version"}
    assert said == {"server": "3.3.4", "deployer": "3.3.3", "worker": "3.3.3"}
    assert not [event for event in events if event["kind"] == "not-forked"]


@pytest.mark.usefixtures("postgresql")
def test_a_gate_on_3_3_3_and_postgresql_fails_through_each_door_that_deletes_and_passes_the_null_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "github-step-summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    doors = {"prefect-deploy": "lost", "pause-deployment": "lost", "none": "survived"}
    options = [part for door in doors for part in ("--door", door)]
    options += ["--subject", "3.3.3", "--scenario", "worker-outage"]
    options += ["--engine", "processes", "--database", "postgres"]
    results = tmp_path / "results"
    results.mkdir()
    code, content, printed = reproduce(results, *options, command="gate")
    assert {trial["door"]: trial["outcome"] for trial in content["trials"]} == doors, printed
    assert code == content["exit_code"] == 1
    null = next(trial for trial in content["trials"] if trial["door"] == "none")
    assert (null["ticks"]["outcome"], null["lost"], null["twin"]["lost"]) == ("whole", 0, 0)
    suites = ElementTree.parse(results / "latest" / "junit.xml").getroot()
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("3", "2", "0")
    assert {trial["database"] for trial in content["trials"]} == {"postgres"}
    (lab,) = (results / "latest" / "labs").iterdir()
    assert "CREATE TABLE public.flow_run " in (lab / "prefect.sql").read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").count("| lost (!) | survived |") == 2


def plant_hostile_environment(folder: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: str) -> None:
    """Aim every place from which Prefect takes settings elsewhere."""
    home = folder / "home"
    (home / ".prefect").mkdir(parents=True)
    profile = f'active = "hostile"\n[profiles.hostile]\nPREFECT_API_URL = "{elsewhere}"\n'
    (home / ".prefect" / "profiles.toml").write_text(profile, encoding="utf-8")
    (folder / ".env").write_text(f"PREFECT_API_URL={elsewhere}\n", encoding="utf-8")
    (folder / "prefect.toml").write_text(f'[api]\nurl = "{elsewhere}"\n', encoding="utf-8")
    (folder / "reached").mkdir()
    (folder / "sitecustomize.py").write_text(
        f"import os, sys\nopen({str(folder / 'reached')!r} + '/%d' % os.getpid(), 'w').write(sys.prefix)\n",
        encoding="utf-8",
    )
    # The cache stays where it is: it is not what is tested here, and filling it anew takes minutes.
    monkeypatch.setenv("PREFECT_RUN_SURVIVAL_CACHE", str(cache.root()))
    monkeypatch.setenv("UV_CACHE_DIR", os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv")))
    for name, value in {
        "HOME": str(home),
        "PREFECT_HOME": str(home / ".prefect"),
        "PREFECT_API_URL": elsewhere,
        "PREFECT_PROFILE": "hostile",
        "PYTHONPATH": str(folder),
        "PREFECT_API_KEY": "hunter2-very-secret",
        "http_proxy": elsewhere,
        "HTTP_PROXY": elsewhere,
    }.items():
        monkeypatch.setenv(name, value)


def somebody_called(listener: socket.socket) -> bool:
    """Whether anyone has connected so far."""
    listener.setblocking(False)
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True
