"""Real Prefect on a movable clock: trials agree with those on this host's clock, and every part follows a move."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.engines.base import SiteSetup
from harness.engines.containers.clock import check_clock
from harness.engines.containers.connection import connect
from harness.engines.containers.image import base_image
from harness.engines.processes.engine import Processes
from harness.engines.sweep import of_run, sweep
from harness.subjects.release import resolve_release
from harness.verdict.outcomes import EXIT_UNJUDGED
from harness.words.errors import LabError
from harness.words.names import EXEC, FORK, REAL, SERVER, SQLITE, STARTS, WARP
from tests.end_to_end.test_reproduce import CELLS, reproduce

pytestmark = pytest.mark.end_to_end

NEAR = 5.0  # seconds
# What a process shows: its time, and that sleeping and the monotonic clock know nothing of it.
ASK = """
import time
began = time.monotonic()
time.sleep(0.2)
print(time.time(), time.monotonic() - began)
"""


@pytest.fixture
def run() -> Iterator[str]:
    """The id of a run of which nothing is left behind."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    sweep(of_run(name))


@pytest.mark.parametrize("start", STARTS)
def test_labs_that_share_a_fork_server_have_clocks_of_their_own(run: str, tmp_path: Path, start: str) -> None:
    """Two labs of one fork server: what makes their clocks movable is loaded once, and each reads a file of its own."""
    engine = Processes()
    key = engine.build(resolve_release("3.3.4", engine.target()), print)
    if start == FORK:
        engine.warm(key, run, WARP)
    try:

        def lab(name: str, clock: str = WARP) -> Any:
            keys, folder = {SERVER: key}, tmp_path / name
            setup = SiteSetup(
                subject_keys=keys, database=SQLITE, run=run, lab=name, folder=folder, start=start, clock=clock
            )
            return engine.site(setup)

        with lab("one") as one, lab("two") as two:
            assert one.forks == two.forks == (start == FORK)
            nodes = [site.start_node("deployer", None) for site in (one, two)]
            for node in nodes:
                node.write(str(node.home), {"ask.py": ASK.encode()})
            for ahead in ((0, 0), (43_800, 0), (43_800, 3_600), (86_400, 7_200)):
                one.move_clock(ahead[0])
                two.move_clock(ahead[1])
                for node, by in zip(nodes, ahead, strict=True):
                    assert abs(node.clock(seconds=60) - time.time() - by) < NEAR
                    shown, slept = map(float, node.run_python("ask.py", cwd=str(node.home), seconds=60).output.split())
                    assert abs(shown - time.time() - by) < NEAR
                    assert 0.2 <= slept < NEAR
        with lab("three", REAL) as three:
            assert abs(three.start_node("deployer", None).clock(seconds=60) - time.time()) < NEAR
    finally:
        engine.close()


def test_trials_on_a_movable_clock_come_to_what_those_on_this_hosts_clock_do(tmp_path: Path) -> None:
    """Both scenarios, both eras. How the same is on this host's clock: test_reproduce.py, of which CELLS are."""
    code, content, printed = reproduce(tmp_path, "--engine", "processes", "--clock", "warp")
    trials = {(trial["scenario"], trial["subject"]): trial for trial in content["trials"]}
    assert {cell: trial["outcome"] for cell, trial in trials.items()} == CELLS, printed
    assert code == 0
    assert "--clock warp" in printed
    for trial in trials.values():
        assert trial["clock"] == WARP
        assert trial["lost"] in (0, trial["at_risk"])
        assert trial["ticks"]["outcome"] == ("missing" if trial["lost"] else "whole")
        assert (trial["twin"]["lost"], trial["twin"]["at_risk"] >= 3) == (0, True)
        lines = (tmp_path / "latest" / trial["folder"] / "history.jsonl").read_text(encoding="utf-8").splitlines()
        (move,) = [line for line in map(json.loads, lines) if line["kind"] == "clock-moved"]
        assert {reading["part"] for reading in move["move"]["after"]} == {"server", "deployer"}
        assert "- Clock: one of the lab's own" in (tmp_path / "latest" / trial["folder"] / "report.md").read_text()


def test_a_movable_clock_does_without_fork_servers(tmp_path: Path) -> None:
    options = ["--engine", "processes", "--clock", "warp", "--start", EXEC, "--scenario", "worker-outage"]
    code, content, printed = reproduce(tmp_path, *options, "--subject", "3.9.1")
    assert (code, content["trials"][0]["outcome"], content["trials"][0]["start"]) == (0, "survived", EXEC), printed


@pytest.mark.containers
@pytest.mark.usefixtures("docker_engine")
def test_an_image_whose_clock_cannot_be_moved_is_refused_with_the_reason(tmp_path: Path) -> None:
    client = connect()
    base, name = base_image(client, print), f"test-{secrets.token_hex(4)}"
    python = '#!/bin/sh\\nunset LD_PRELOAD\\nexec /usr/bin/python3 "$@"\\n'
    (tmp_path / "Dockerfile").write_text(
        f"FROM {base}\nRUN printf '{python}' > /usr/local/bin/python3 && chmod 755 /usr/local/bin/python3\n"
    )
    check_clock(client, base)
    client.images.build(path=str(tmp_path), tag=name, network_mode="none", rm=True)
    try:
        with pytest.raises(LabError, match="1000000 s ahead, its Python showed"):
            check_clock(client, name)
    finally:
        client.images.remove(name)
        client.close()


def test_a_backlog_of_a_hundred_is_judged_run_by_run_and_a_sample_of_it_is_executed(tmp_path: Path) -> None:
    """With a worker of Prefect's own, which starts the stand-in for Prefect's engine."""
    cells = ["--scenario", "backlog-100", "--subject", "3.3.3", "--subject", "3.3.4"]
    code, content, printed = reproduce(tmp_path, "--engine", "processes", *cells)
    if code == EXIT_UNJUDGED:  # as in test_reproduce.py: a machine that stands still; once
        code, content, printed = reproduce(tmp_path, "--engine", "processes", *cells)
    lost, survived = content["trials"]
    assert (code, lost["outcome"], survived["outcome"]) == (0, "lost", "survived"), printed
    assert (lost["at_risk"], lost["lost"]) == (survived["at_risk"], survived["kept"]) == (100, 100)
    for side in (survived, survived["twin"], lost["twin"]):
        assert (side["kept"] + side["progressed"], side["stranded"]) == (100, 0)
        assert 0 < side["unasked"] <= 80  # what was taken before the pool was paused is executed, too
    assert f"{100 - survived['unasked']} of them completed, those due first among them" in survived["reason"]
    report = (tmp_path / "latest" / survived["folder"] / "report.md").read_text(encoding="utf-8")
    assert "A real worker starts a stand-in for each run" in report
