"""The guard as it is installed: from a wheel, outside of a checkout, where no Docker and no uv are to be found."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.words.waiting import NotYet, wait_until
from tests.standing import LATE, Standing, environment, standing

pytestmark = pytest.mark.end_to_end


class Guard:
    """`harness guard` as a wheel has it, for a person who works in a folder of their own."""

    def __init__(self, programs: Path, server: Standing, folder: Path) -> None:
        self._harness, self._environment, self._folder = str(programs / "harness"), environment(server), folder

    def __call__(self, *words: str) -> tuple[int, str]:
        """Exit code and output; what it says on stderr stands below."""
        done = subprocess.run(
            [self._harness, "guard", *words], cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    @contextmanager
    def watching(self, record: Path, *last: str) -> Iterator[None]:
        """Watch meanwhile, from a first look until it has noticed these kinds of events; Ctrl-C ends it cleanly."""

        def noticed(*kinds: str) -> None:
            seen = [event["kind"] for event in events(record)]
            if missing := set(kinds) - set(seen):
                raise NotYet(f"no {missing} among {seen}")

        process = subprocess.Popen(
            [self._harness, "guard", "watch", "--every", "1", "--record", str(record)], cwd=self._folder,
            env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            wait_until("the first look", lambda: noticed("seen"), seconds=60)
            yield
            wait_until("what happened", lambda: noticed(*last), seconds=60)
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
        assert (process.returncode, events(record)[-1]["kind"]) == (130, "ended"), said


def events(record: Path) -> list[dict[str, Any]]:
    """What a record has, whole lines alone."""
    whole = record.read_text().rpartition("\n")[0] if record.exists() else ""
    return [json.loads(line) for line in whole.splitlines()]


@pytest.mark.parametrize(("release", "loses"), [("3.3.3", True), ("2.20.20", True), ("3.9.1", False)])
def test_a_wheel_guards_a_deploy_and_brings_back_what_it_lost(
    installed: Path, tmp_path: Path, release: str, loses: bool
) -> None:
    (work := tmp_path / "work").mkdir()
    (logs := tmp_path / "logs").mkdir()
    with standing(release, logs) as server:
        assert not [name for name in ("docker", "uv") if shutil.which(name, path=environment(server)["PATH"])]
        guard = Guard(installed, server, work)
        server.declare(nightly={}, hourly={})
        server.deploy("nightly", "hourly")
        ours, theirs = server.overdue("nightly"), server.overdue("hourly")

        code, said = guard("check", "--door", "prefect-deploy", "--json", "check.json")
        assert code == int(loses), said
        (group, _) = json.loads((work / "check.json").read_text())["groups"]
        assert (group["backlog"], group["states"]) == ("overdue", {LATE: 3})
        assert group["foretold"][0]["outcome"] == ("lost" if loses else "survived")
        code, said = guard("snapshot", "--into", "all.jsonl")
        assert code == 0, said

        deploy = ("prefect", "--no-prompt", "deploy", "-n", "nightly")
        news = ("changed", "runs-deleted") if loses else ("changed",)
        with guard.watching(record := work / "changes.jsonl", *news):
            code, said = guard("run", "--into", "before.jsonl", "--", *deploy)
        assert "running: prefect --no-prompt deploy -n nightly" in said, said
        assert "the command ended with 0" in said
        assert (code, len(server.there(ours)), len(server.there(theirs))) == (int(loses), 0 if loses else 3, 3), said
        assert ("3 runs were lost" in said, "nothing was lost" in said) == (loses, not loses), said

        changed = [event for event in events(record) if event["kind"] == "changed"]
        assert {event["deployment"] for event in changed} == {"guarded/nightly"}
        assert any("schedules made anew" in event["fields"] for event in changed)
        assert changed[0]["before"] == {"overdue": 3}
        gone = [event for event in events(record) if event["kind"] == "runs-deleted"]
        assert [sorted(event["ids"]) for event in gone] == ([sorted(ours)] if loses else [])
        code, said = guard("watch", "--port", "9464")
        assert (code, "pip install 'prefect-run-survival[watch]'" in said) == (2, True), said

        code, said = guard("restore", "before.jsonl", "--dry-run")
        assert code == int(loses), said
        code, said = guard("restore", "before.jsonl", "--yes")
        assert code == 0 and ("3 of 3 lost runs were created anew" in said) == loses, said
        code, said = guard("restore", "before.jsonl", "--yes")
        assert code == 0 and "nothing is to be done" in said, said

        runs = server.api.flow_runs(deployments=[server.deployment(name)["id"] for name in ("nightly", "hourly")])
        due = [run for run in runs if run["id"] in ours + theirs or not run["auto_scheduled"]]
        assert len(due) == 6
        for pool in ("nightly", "hourly"):
            server.start_worker(pool)
        server.completed([run["id"] for run in due])
        assert sorted(server.executed()) == sorted(run["id"] for run in due), "one was executed twice, or another was"
