"""The engine `processes`, with a stand-in for Prefect's command: what it takes for its own server, and what not."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.engines.base import SiteSetup
from harness.engines.processes import site as processes
from harness.engines.processes.node import ProcessNode
from harness.engines.processes.site import ProcessSite
from harness.words import scratch
from harness.words.errors import LabError
from harness.words.names import EXEC, FORK
from harness.words.waiting import NotYet, wait_until

LISTENS = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])))
time.sleep(60)
"""
FORKS = SimpleNamespace(  # a fork server that is there, and whose Python is none
    python="/nonexistent/python", there=lambda: True, why_not=lambda: "", log=lambda: "", living=list
)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scratch, "scratch_root", lambda: tmp_path / "scratch")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "prefect.db").touch()
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "venv" / "bin" / "prefect").write_text(LISTENS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def taken_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(processes, "_free_port", lambda: port)
        yield port


def site_of(environment: Path, start: str = EXEC) -> ProcessSite:
    folder = environment / "logs"
    return ProcessSite(
        SiteSetup(
            subject_keys={"server": str(environment)},
            database="sqlite",
            run="run",
            lab="lab",
            folder=folder,
            start=start,
        )
    )


def test_a_server_is_there_once_a_process_of_its_own_listens(environment: Path) -> None:
    with site_of(environment) as site:
        server, url = site.start_server({})
        assert server.running()
        assert url.startswith("http://127.0.0.1:")
    assert not server.running()


@pytest.mark.rule("changed-settings-no-fork", "A server with settings of its own is started anew, not forked.")
def test_a_server_with_settings_of_its_own_is_not_forked(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ForkServer", lambda *_: FORKS)
    with site_of(environment, FORK) as site:
        assert site.forks
        server, _ = site.start_server({"PREFECT_API_SERVICES_SCHEDULER_LOOP_SECONDS": "60"})
        assert server.running()
        with pytest.raises(FileNotFoundError, match="/nonexistent/python"):
            site.start_node("worker", ["worker", "start"])


def test_a_setting_that_a_server_reads_as_it_starts_is_no_reason_not_to_fork_it(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "ForkServer", lambda *_: FORKS)
    with site_of(environment, FORK) as site, pytest.raises(FileNotFoundError, match="/nonexistent/python"):
        site.start_server({"PREFECT_API_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "00:50:00"})


@pytest.mark.usefixtures("taken_port")
def test_a_server_whose_port_was_taken_is_an_error_that_quotes_its_log(environment: Path) -> None:
    with (
        site_of(environment) as site,
        pytest.raises(LabError, match="ended at once") as caught,
    ):
        site.start_server({})
    assert "in use" in caught.value.log


@pytest.mark.rule("error-port-taken", "Another server on the lab's port is not taken for the lab's own.")
def test_another_server_on_the_port_is_not_taken_for_ours(
    environment: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_LISTEN_SECONDS", 0.5)
    (environment / "venv" / "bin" / "prefect").write_text("import time; time.sleep(60)", encoding="utf-8")
    with (
        site_of(environment) as site,
        pytest.raises(LabError, match=f"nothing of ours on port {taken_port}"),
    ):
        site.start_server({})


def test_what_a_process_leaves_in_its_temporary_folder_goes_with_its_lab(environment: Path) -> None:
    (environment / "venv" / "bin" / "prefect").write_text(
        "import tempfile; print(tempfile.mkdtemp())", encoding="utf-8"
    )
    with site_of(environment) as site:
        node = site.start_node("deployer", None)
        made = Path(node.run([], cwd=str(environment), seconds=60).output.strip())
        assert made.is_dir()
        assert made.is_relative_to(environment / "scratch")
    assert not made.exists()


WAITS = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


def waiting(site: ProcessSite) -> tuple[ProcessNode, int]:
    """A node that has started a process of its own, and the id of that."""
    node = site.start_node("worker-a", ["wait"])
    assert isinstance(node, ProcessNode)
    return node, int(wait_until("the child", lambda: said_by(node), seconds=20))


def said_by(node: ProcessNode) -> str:
    if not node.log().strip():
        raise NotYet("it has printed nothing")
    return node.log()


@pytest.fixture
def waits(environment: Path) -> Path:
    (environment / "venv" / "bin" / "prefect").write_text(WAITS, encoding="utf-8")
    return environment


def test_a_node_is_frozen_with_all_that_it_started_and_runs_on(waits: Path) -> None:
    with site_of(waits) as site:
        node, child = waiting(site)
        assert (node.seen().state, node.process(child).state) == ("running", "running")
        node.freeze()
        assert (node.seen().state, node.process(child).state) == ("frozen", "frozen")
        assert node.running(), "it lives, though nothing of it runs"
        node.thaw()
        assert (node.seen().state, node.process(child).state) == ("running", "running")
        node.freeze()
        node.kill()
        assert (node.seen().state, node.seen().exit_code) == ("ended", -9)
        assert node.process(child).state == "ended"


@pytest.mark.rule("kills-only-its-own", "A process that is none of a node's is not killed as one of it.")
def test_one_process_of_a_node_is_killed_alone_and_no_other_on_this_host(waits: Path) -> None:
    with site_of(waits) as site:
        node, child = waiting(site)
        with pytest.raises(LabError, match=f"worker-a has no process {os.getpid()}"):
            node.kill_process(os.getpid())
        node.kill_process(child)
        wait_until("its end", lambda: ended(node, child), seconds=20)
        assert node.seen().state == "running"
        with pytest.raises(LabError, match="a process has no network of its own"):
            node.cut_off()


def ended(node: ProcessNode, pid: int) -> None:
    if node.process(pid).state != "ended":
        raise NotYet("it lives")


def test_a_node_that_is_started_again_is_another_process(waits: Path) -> None:
    with site_of(waits) as site:
        node, _ = waiting(site)
        first = node.seen()
        node.kill()
        node.start()
        assert node.seen().state == "running"
        assert (node.seen().pid, node.seen().began) != (first.pid, first.began)
