"""Interrupted in every phase: the results so far are kept, and nothing of the run is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.engines.containers.connection import connect
from harness.verdict.outcomes import EXIT_UNJUDGED
from harness.words import ownership
from harness.words.names import EXEC, FORK
from harness.words.scratch import scratch_root
from harness.words.waiting import NotYet, wait_until

pytestmark = pytest.mark.end_to_end

PHASES = ("start", "steady state", "stage", "prove", "trigger", "observe", "drain")


def interrupt_in(
    results: Path,
    engine: str,
    phase: str,
    number: int,
    meanwhile: Callable[[str], None] = lambda run: None,
    *,
    start: str = FORK,
) -> tuple[int, str]:
    """Start a run, send it the signal as soon as its lab has entered the phase; returns exit code and run id.

    `meanwhile` is called with the run id just before the signal; signal 0 is none, and the run comes to its own end.
    """
    command = [sys.executable, "-m", "harness", "reproduce", "--results", str(results), "--engine", engine]
    command += ["--subject", "3.3.4", "--scenario", "worker-outage", "--start", start]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:

        def entered() -> None:
            assert process.poll() is None, "it ended before the phase came"
            progress = results / "latest" / "progress.jsonl"
            lines = progress.read_text(encoding="utf-8").splitlines() if progress.exists() else []
            phases = [json.loads(line)["phase"] for line in lines]
            if phase not in phases:
                raise NotYet(f"{phases}")

        try:
            wait_until(f"the phase {phase}", entered, seconds=900, every=0.1)
            meanwhile((results / "latest").resolve().name)
            if number:
                process.send_signal(number)
            process.communicate(timeout=300)
        except BaseException:
            process.kill()
            raise
    return process.returncode, (results / "latest").resolve().name


def _of(run: str) -> dict[str, Any]:
    return {"label": f"{ownership.LABEL_RUN}={run}"}


def left_of(run: str) -> list[str]:
    """What is still there of a run: processes, folders, containers, networks."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(ownership.ENV_RUN) == run:
                left.append(f"process {process.pid} {process.name()}")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    if (scratch_root() / run).exists():
        left.append(f"folder {scratch_root() / run}")
    try:
        client = connect()
    except Exception:
        return left
    with closing(client):
        left += [f"container {one.name}" for one in client.containers.list(all=True, filters=_of(run))]
        left += [f"network {one.name}" for one in client.networks.list(filters=_of(run))]
    return left


def check_interrupt(results: Path, engine: str, phase: str, number: int, **how: Any) -> None:
    """`how`: as for `interrupt_in`."""
    code, run = interrupt_in(results, engine, phase, number, **how)
    assert code == 128 + number
    assert left_of(run) == []
    content = json.loads((results / run / "results.json").read_text(encoding="utf-8"))
    assert content["exit_code"] == code
    (trial,) = content["trials"]
    assert trial["outcome"] == "error", "a trial that was cut short has no verdict"
    folder = results / run / trial["folder"]
    assert (folder / "history.jsonl").stat().st_size > 0
    assert phase == "start" or (folder / "logs" / "server.log").stat().st_size > 0


@pytest.mark.parametrize(
    ("start", "phase"),
    [*((FORK, phase) for phase in PHASES), *((EXEC, phase) for phase in ("start", "prove", "drain"))],
)
def test_ctrl_c_under_processes_keeps_the_results_and_leaves_nothing(tmp_path: Path, start: str, phase: str) -> None:
    check_interrupt(tmp_path, "processes", phase, signal.SIGINT, start=start)


def test_a_fork_server_that_dies_ends_its_lab_with_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    def kill_the_fork_server(run: str) -> None:
        (pid_file,) = (scratch_root() / run).rglob("fork-servers/*/pid")
        os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGKILL)

    code, run = interrupt_in(tmp_path, "processes", "prove", 0, kill_the_fork_server)
    (trial,) = json.loads((tmp_path / run / "results.json").read_text(encoding="utf-8"))["trials"]
    assert (code, trial["outcome"]) == (EXIT_UNJUDGED, "error")
    assert "the fork server ended" in trial["reason"]
    assert left_of(run) == []


def test_ctrl_c_while_subjects_are_built_side_by_side_leaves_nothing(tmp_path: Path) -> None:
    """No half-built environment is taken for a whole one, and nothing goes on building."""
    caches = tmp_path / "cache"
    uv_cache = os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
    environment = {**os.environ, "PREFECT_RUN_SURVIVAL_CACHE": str(caches), "UV_CACHE_DIR": uv_cache}
    command = [sys.executable, "-m", "harness", "reproduce", "--results", str(tmp_path), "--engine", "processes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) as process:

        def building() -> None:
            assert process.poll() is None, "it ended before anything was built"
            if len(list((caches / "environments").glob("*/**/pyvenv.cfg"))) < 2:
                raise NotYet("no two environments under way")

        try:
            wait_until("two builds", building, seconds=300, every=0.1)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 128 + signal.SIGINT
    run = (tmp_path / "latest").resolve().name
    assert left_of(run) == []
    assert [process for process in psutil.process_iter() if str(caches) in " ".join(_words(process))] == []
    # On a busy machine one may be whole before the other has begun.
    half = [path for path in (caches / "environments").glob("*/.complete") if not _is_whole(path.parent)]
    assert not half, "half of one would be used by the next run"


def _is_whole(environment: Path) -> bool:
    """Whether the last thing that a build makes is there."""
    return (environment / "home" / "prefect.db").exists()


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_sigterm_under_processes_keeps_the_results_and_leaves_nothing(tmp_path: Path) -> None:
    check_interrupt(tmp_path, "processes", "steady state", signal.SIGTERM)


@pytest.mark.containers
@pytest.mark.usefixtures("docker_engine")
@pytest.mark.parametrize("phase", ["prove", "drain"])
def test_ctrl_c_in_containers_keeps_the_results_and_leaves_nothing(tmp_path: Path, phase: str) -> None:
    check_interrupt(tmp_path, "containers", phase, signal.SIGINT, meanwhile=check_containers_are_closed)


def check_containers_are_closed(run: str) -> None:
    """Nothing of a run is published beyond loopback, privileged, or run as root."""
    with closing(connect()) as client:
        found = client.containers.list(filters=_of(run))
        assert len(found) == 3 or len(found) == 2, "server and deployer, and the worker unless it is the one killed"
        for container in found:
            published = [p["HostIp"] for ports in container.ports.values() for p in ports or ()]
            assert set(published) <= {"127.0.0.1"}
            assert container.attrs["HostConfig"]["Privileged"] is False
            assert container.attrs["Config"]["User"] == "subject"


def test_what_a_killed_run_left_under_processes_is_swept_and_a_living_run_is_not(tmp_path: Path) -> None:
    check_sweep(tmp_path, "processes")


@pytest.mark.containers
@pytest.mark.usefixtures("docker_engine")
def test_what_a_killed_run_left_in_containers_is_swept_and_a_living_run_is_not(tmp_path: Path) -> None:
    check_sweep(tmp_path, "containers")


def killed_run(results: Path, engine: str) -> str:
    """The id of a run that was killed and left something: another run that starts just then may have swept it."""
    for _ in range(3):
        code, run = interrupt_in(results, engine, "steady state", signal.SIGKILL)
        assert code == -signal.SIGKILL
        if left_of(run):
            return run
    pytest.fail("a killed run leaves something, or there is nothing to sweep")


def check_sweep(results: Path, engine: str) -> None:
    run = killed_run(results, engine)
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={**os.environ, **ownership.environment("alive")}
    ) as living:
        command = [sys.executable, "-m", "harness", "clean"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "swept: " in done.stdout
        assert left_of(run) == []
        assert living.poll() is None
        living.communicate(b"\n")
