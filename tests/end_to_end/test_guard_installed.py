"""The guard as it is installed: from a wheel, outside of a checkout, where no Docker and no uv are to be found."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

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

        code, said = guard("run", "--into", "before.jsonl", "--", "prefect", "--no-prompt", "deploy", "-n", "nightly")
        assert "running: prefect --no-prompt deploy -n nightly" in said, said
        assert "the command ended with 0" in said
        assert (code, len(server.there(ours)), len(server.there(theirs))) == (int(loses), 0 if loses else 3, 3), said
        assert ("3 runs were lost" in said, "nothing was lost" in said) == (loses, not loses), said

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
