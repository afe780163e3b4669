"""What a lab cost: told apart by phase, and never a reason for a trial to fail."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from harness.engines.containers.cgroup import cgroup_of, usage_of
from harness.evidence.page import _costs
from harness.store.results import read_run
from harness.words.costs import Costs, Waits, read_costs
from harness.words.waiting import wait_until

CONTAINER = "f567b3e23be4"


def costs_of(tmp_path: Path, used: list[float]) -> Costs:
    costs = Costs(tmp_path / "labs" / "lab", cells=2)
    costs.processors = lambda: used.pop(0)
    return costs


def test_each_phase_has_the_processor_time_used_in_it(tmp_path: Path) -> None:
    costs = costs_of(tmp_path, [0.5, 2.0, 5.5])
    for phase in ("start", "drain", None):
        costs.enter(phase)
    found = read_costs(tmp_path)["lab"]
    assert found.cells == 2
    assert {name: phase.cpu_seconds for name, phase in found.phases.items()} == {"start": 1.5, "drain": 3.5}


def test_an_engine_that_says_nothing_or_less_than_before_takes_no_trial_along(tmp_path: Path) -> None:
    costs = costs_of(tmp_path, [1.0, 0.2])  # the third time, an IndexError
    for phase in ("start", "drain", None):
        costs.enter(phase)
    spent = read_costs(tmp_path)["lab"].phases
    assert [phase.cpu_seconds for phase in spent.values()] == [0, 0]


def test_waits_are_added_up_by_what_was_waited_for_and_the_longest_comes_first() -> None:
    waits = Waits()
    for what, seconds in (("the death of process 12", 0.3), ("the drain", 0.8), ("the death of process 345", 0.3)):
        with waits.of(what):
            time.sleep(seconds)
    with waits.of("something short"):
        pass
    taken = waits.take()
    assert list(taken) == ["the drain", "the death of process N"]
    assert taken["the drain"] >= 0.8
    assert waits.take() == {}


def test_a_wait_that_fails_is_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = Waits()
    monkeypatch.setattr("harness.words.waiting.WAITS", waits)

    def fails() -> None:
        time.sleep(0.6)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wait_until("what fails", fails, seconds=5)
    assert list(waits.take()) == ["what fails"]


@pytest.mark.parametrize(
    ("line", "file", "text", "seconds"),
    [
        (f"2:cpu,cpuacct:/docker/{CONTAINER}", f"cpu,cpuacct/docker/{CONTAINER}/cpuacct.usage", "1500000000\n", 1.5),
        (f"0::/system.slice/docker-{CONTAINER}.scope", f"system.slice/docker-{CONTAINER}.scope/cpu.stat",
         "usage_usec 2500000\nuser_usec 1\n", 2.5),
    ],
)  # fmt: skip
def test_both_forms_of_control_groups_are_read(tmp_path: Path, line: str, file: str, text: str, seconds: float) -> None:
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/cgroup").write_text(f"9:memory:/docker/{CONTAINER}\n{line}\n")
    counted = tmp_path / "sys/fs/cgroup" / file
    counted.parent.mkdir(parents=True)
    counted.write_text(text)
    found = cgroup_of(7, CONTAINER, tmp_path)
    assert found == counted
    assert usage_of(counted) == seconds
    assert cgroup_of(7, "another container", tmp_path) is None


def test_a_run_file_without_costs_or_with_broken_ones_has_no_rows_on_the_page(tmp_path: Path) -> None:
    phases = {"drain": {"seconds": 3.0, "cpu_seconds": 1.0}}
    good = {"cells": 2, "phases": phases, "waits": {"the drain": 2.5}}
    broken: list[object] = [
        None,
        [],
        {"cells": 0, "phases": phases, "waits": {}},
        {"cells": 1, "phases": {"drain": 3.0}, "waits": {}},
    ]
    labs = {"3.3.4--processes": good, **{f"broken {number}": each for number, each in enumerate(broken)}}

    def rows(facts: dict[str, object]) -> list[dict[str, object]]:
        (tmp_path / "run.json").write_text(json.dumps(facts), encoding="utf-8")
        return list(_costs(read_run(tmp_path)))

    (row,) = rows({"labs": labs})
    assert (row["lab"], row["cpu"], row["each"], row["waits"]) == ("3.3.4, processes", "1.0", "0.5", "the drain 2")
    assert not rows({}) + rows({"labs": "none"})
