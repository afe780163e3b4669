"""Labs at once: each of xdist's workers takes whole labs, whatever pytest and xdist make of groups."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from harness.runs.builds import say_built
from harness.runs.labs import labs_at_once
from harness.runs.plan import choose_trials, plan_cell
from harness.trials.scenario import SCENARIOS
from harness.words.names import EXEC, FORK
from harness.words.places import ROOT
from harness.words.plan import Plan

# Stands in for running a lab: says which worker was given which of its trials.
TOLD = """
import json, os
from harness.runs import pytest_plugin
from tests.unit.entries import trial

def try_lab(plan, cells, site):
    told = {"worker": os.environ["PYTEST_XDIST_WORKER"], "lab": cells[0].lab, "cells": [cell.name for cell in cells]}
    with (plan.folder / "told").open("a") as file:
        file.write(json.dumps(told) + "\\n")
    return [trial(outcome="survived", expected="survived") for _ in cells]

pytest_plugin.try_lab = try_lab
"""


@pytest.mark.parametrize(
    ("start", "labs", "at_once"),
    [(FORK, 1, 2), (FORK, 2, 2), (FORK, 3, 3), (FORK, 4, 2), (FORK, 9, 2), (EXEC, 2, 1), (EXEC, 3, 1)],
)
def test_two_cores_take_two_forked_labs_at_once_and_three_if_that_is_all(
    monkeypatch: pytest.MonkeyPatch, start: str, labs: int, at_once: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert labs_at_once(start, labs) == at_once


@pytest.mark.usefixtures("own_scratch")
def test_each_lab_is_run_once_and_whole_by_one_worker(tmp_path: Path) -> None:
    say_built("run", "3.3.4", {"server": str(tmp_path / "an environment")})
    trials = choose_trials("matrix", [], ["prefect-deploy", "none"])
    cells = [
        plan_cell(scenario, door, subject="3.3.4", version="3.3.4", as_of="", engine="processes", engine_detail="")
        for scenario, door in trials
    ]
    cells = [cell for cell in cells if cell.outcome is None]
    plan = Plan("run", tmp_path, cells)
    plan.write(tmp_path / "plan.json")
    (tmp_path / "told_plugin.py").write_text(TOLD, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "harness.runs.pytest_plugin", "-p", "told_plugin", "-n", "2"]
    command += [
        "--dist",
        "loadscope",
        "--plan",
        str(tmp_path / "plan.json"),
        "-c",
        os.devnull,
        "--rootdir",
        str(SCENARIOS),
    ]
    command += ["-p", "no:cacheprovider", "-p", "xdist", "--noconftest", str(SCENARIOS)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-1000:]
    told = [json.loads(line) for line in (tmp_path / "told").read_text(encoding="utf-8").splitlines()]
    wanted = defaultdict(set)
    for cell in cells:
        wanted[cell.lab].add(cell.name)
    assert len(told) == len(wanted) > 2, "a lab was run more than once"
    assert {one["lab"]: set(one["cells"]) for one in told} == dict(wanted)
    assert {one["worker"] for one in told} == {"gw0", "gw1"}
