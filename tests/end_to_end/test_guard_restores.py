"""Every kind of loss on one server of 3.3.3, and what brings the runs back: once, also where a restore is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.fake_api import serving
from tests.standing import HELD, Standing, environment, standing

pytestmark = pytest.mark.end_to_end

LOST_BY = ("updated", "limited", "paused", "unscheduled", "deleted")  # the deployments, by what happens to them
KEPT = "bystander"


def guard(server: Standing, *words: str, api: str = "") -> tuple[int, str]:
    """`harness guard` with these words; its exit code and output."""
    done = subprocess.run(
        [sys.executable, "-m", "harness", "guard", *words], env=_environment(server, api), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def _environment(server: Standing, api: str = "") -> dict[str, str]:
    named = {"PREFECT_API_URL": api} if api else {}
    return {**os.environ, **environment(server), **named}


@contextmanager
def cut_after(server: Standing, creations: int, ended: threading.Event) -> Iterator[str]:
    """A way to the server that lets so many creations pass, and tells no answer to the last: then `ended` is set."""
    passed = Counter[str]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.removeprefix("/api")
            answer = httpx.request(
                self.command, f"{server.api.url}{path}", content=body or None, timeout=60, trust_env=False,
                headers={"Content-Type": "application/json"},
            )  # fmt: skip
            passed["created"] += path.endswith("create_flow_run") and answer.is_success
            if passed["created"] >= creations:
                ended.set()
                self.close_connection = True
                self.connection.recv(1)  # until whoever asked is dead
                return
            self.send_response(answer.status_code)
            self.send_header("Date", answer.headers["Date"])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_POST = do_GET  # noqa: N815 - the name that http.server asks for

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    with serving(Handler) as url:
        yield f"{url}/api"


def lose(server: Standing) -> None:
    """Do to each deployment what it is named after."""
    api, known = server.api, {name: server.deployment(name)["id"] for name in LOST_BY}
    server.deploy("updated", "limited")
    api.call("POST", f"/deployments/{known['paused']}/pause_deployment")
    (schedule,) = server.deployment("unscheduled")["schedules"]
    api.call("DELETE", f"/deployments/{known['unscheduled']}/schedules/{schedule['id']}")
    api.call("DELETE", f"/deployments/{known['deleted']}")


def due(server: Standing) -> dict[str, list[Any]]:
    """By run that was lost, or run that never was: those that the server has in its place, upcoming ones left out."""
    flow = server.api.call("POST", "/flows/", {"name": "guarded"})["id"]
    found: dict[str, list[Any]] = {}
    for run in server.api.flow_runs(flows=[flow]):
        key = str(run["idempotency_key"])
        if run["state_name"] != "Scheduled" or key.startswith("restored "):
            found.setdefault(key.removeprefix("restored ") if key.startswith("restored ") else run["id"], []).append(
                run
            )
    return found


def test_runs_lost_in_each_way_come_back_once_and_complete(tmp_path: Path) -> None:
    with standing("3.3.3", tmp_path) as server:
        slots = {"pool": "slots", "concurrency_limit": 1}
        server.declare(**{name: slots if name == "limited" else {"pool": "late"} for name in (*LOST_BY, KEPT)})
        server.deploy(*LOST_BY, KEPT)
        backlog = {name: server.overdue(name, 2) for name in (*LOST_BY, KEPT) if name != "limited"}
        (server.folder / "hold").touch()
        server.overdue("limited", 3)
        server.start_worker("slots")
        backlog["limited"] = server.waiting(server.deployment("limited")["id"], HELD, 2)

        file = str(tmp_path / "before.jsonl")
        code, said = guard(server, "snapshot", "--into", file)
        assert code == 0, said
        lose(server)
        lost = [known for name in LOST_BY for known in backlog[name]]
        assert (server.there(lost), len(server.there(backlog[KEPT]))) == ([], 2)

        # Killed in the middle: the third run is created, and nobody is told.
        ended = threading.Event()
        with cut_after(server, 3, ended) as api:
            words = [sys.executable, "-m", "harness", "guard", "restore", file, "--yes", "--any-server"]
            process = subprocess.Popen(words, env=_environment(server, api), stdout=subprocess.PIPE, text=True)
            assert ended.wait(120), process.communicate(timeout=5)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=60)

        # Those of the deployment that is gone are left over, and it says so.
        code, said = guard(server, "restore", file, "--yes")
        assert code == 1, said
        assert "3 restored before" in said and "2 lost, and its deployment is gone: deploy that again first" in said
        assert "5 of 7 lost runs were created anew" in said
        code, said = guard(server, "restore", file, "--yes")
        assert (code, "nothing was created" in said) == (1, True), said

        server.deploy("deleted")
        code, said = guard(server, "restore", file, "--yes")
        assert (code, "2 of 2 lost runs were created anew" in said) == (0, True), said
        before = due(server)
        code, said = guard(server, "restore", file, "--yes")
        assert (code, "nothing is to be done" in said) == (0, True), said
        assert {key: [run["id"] for run in runs] for key, runs in due(server).items()} == {
            key: [run["id"] for run in runs] for key, runs in before.items()
        }
        assert {known: len(before.get(known, [])) for known in lost} == dict.fromkeys(lost, 1)

        (server.folder / "hold").unlink()
        server.start_worker("late")
        here = [run["id"] for runs in before.values() for run in runs]
        server.completed(here)
        assert sorted(server.executed()) == sorted(here)
        assert len(here) == len(lost) + 3  # the bystander's, and the one that held the slot
