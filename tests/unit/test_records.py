"""The records of results: what is written is read again, and what was changed is told with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.store.results import read_results, read_run, write_results, write_run
from harness.verdict.outcomes import contradicts, said
from harness.words.errors import UsageError
from harness.words.plan import Cell, read_cell
from harness.words.promises import Expectation
from harness.words.reading import read_as
from harness.words.records import (
    EngineFacts,
    Harness,
    Host,
    LabCosts,
    PhaseCosts,
    RunFacts,
    RunResult,
    SubjectFacts,
    TicksResult,
    TrialResult,
    VerdictRecord,
)
from tests.unit.entries import ticks, trial

FACTS = RunFacts(
    run="20300101-000000-abcd",
    argv=["reproduce"],
    command="nox -s reproduce",
    places={"results": "/results"},
    harness=Harness(commit="0123", dirty=False),
    host=Host(system="Linux", python="3.11.7", cores=None, memory_gib=23.5),
    engine=EngineFacts(name="processes", detail="processes on Linux"),
    start="fork",
    subjects={
        "3.3.4": SubjectFacts(version="3.3.4", as_of="2025-04-12T00:28:17Z", note=""),
        "wheel:x": SubjectFacts(error="no such file"),
    },
    cpu_seconds=58.6,
    labs={"lab": LabCosts(cells=2, phases={"drain": PhaseCosts(seconds=3.0, cpu_seconds=1.0)}, waits={})},
    planned=["upcoming--none--3.3.4--processes"],
)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    numbers = TicksResult(outcome="missing", expected=None, as_expected=None, missing=3, duplicate=0, reason="so")
    promises = ticks(outcome="missing", reason="so")
    lost = trial(outcome="lost", ticks=numbers, promises=promises, seconds=1.0, versions={"worker": "3.3.3"})
    trials = [trial(), lost]
    write_results(tmp_path, trials, exit_code=1, seconds=61.23)
    assert read_results(tmp_path) == RunResult(schema=1, exit_code=1, seconds=61.2, trials=trials)


@pytest.mark.rule("results-ticks-of-old", "Ticks that an earlier harness had beside the promises are one of them.")
def test_ticks_that_stood_beside_the_promises_are_one_of_them(tmp_path: Path) -> None:
    numbers = TicksResult(outcome="missing", expected="whole", as_expected=False, missing=3, duplicate=0, reason="so")
    write_results(tmp_path, [trial(outcome="lost", judged_by="ticks", ticks=numbers)], exit_code=1, seconds=1)
    (read,) = read_results(tmp_path).trials
    assert (said(read), contradicts(read)) == ("ticks missing", True)


def test_a_cell_as_a_history_had_it_before_schema_8_is_still_read() -> None:
    cell = Cell("upcoming", "prefect-deploy", "3.3.4", "3.3.4", "", "fake", "sqlite", "a fake", "lab", reference="a")
    old = {
        **msgspec.to_builtins(cell), "expected_ticks": "whole", "sometimes": "duplicate", "sometimes_reference": "b",
        "promises": {"once": "held"}, "promise_references": {"once": "c"},
    }  # fmt: skip
    ticks = Expectation(outcome="whole", reference="a", sometimes="duplicate", sometimes_reference="b")
    read = msgspec.structs.replace(cell, promises={"once": Expectation(outcome="held", reference="c"), "ticks": ticks})
    assert msgspec.json.encode(read_cell(old)) == msgspec.json.encode(read)
    assert msgspec.json.encode(read_cell(msgspec.to_builtins(read))) == msgspec.json.encode(read)


def test_how_a_run_was_made_is_read_as_it_was_written_and_nothing_is_written_of_what_is_not_known(
    tmp_path: Path,
) -> None:
    joined = RunFacts(merged=[FACTS, RunFacts(run="2", harness=Harness(commit=None, dirty=None, version="0.1.0"))])
    write_run(tmp_path, joined)
    assert read_run(tmp_path) == joined
    saved = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert list(saved) == ["merged"]
    assert saved["merged"][1] == {"run": "2", "harness": {"commit": None, "dirty": None, "version": "0.1.0"}}
    assert saved["merged"][0]["subjects"]["wheel:x"] == {"error": "no such file"}


@pytest.mark.parametrize("part", [field for field in RunFacts.__struct_fields__ if field != "merged"])
def test_a_part_of_run_json_that_cannot_be_read_takes_no_other_with_it(tmp_path: Path, part: str) -> None:
    saved = msgspec.to_builtins(FACTS) | {part: ["\ud800"] if part not in ("argv", "planned") else {}}
    (tmp_path / "run.json").write_text(json.dumps(saved), encoding="utf-8")
    expected: Any = RunFacts()
    assert read_run(tmp_path) == msgspec.structs.replace(FACTS, **{part: getattr(expected, part)})


def test_what_an_earlier_harness_did_not_write_has_a_default() -> None:
    whole = msgspec.to_builtins(trial())
    added = (
        "ticks",
        "repetition",
        "start",
        "reference",
        "note",
        "judged_by",
        "versions",
        "schedules",
        "bystanders_lost",
    )
    for name in added:
        del whole[name]
    del whole["twin"]["never_ran"]
    assert read_as(TrialResult, whole, Path("results.json")) == trial()


def test_a_verdict_is_an_entry_and_what_it_rests_on() -> None:
    assert VerdictRecord.__struct_fields__[: len(TrialResult.__struct_fields__)] == TrialResult.__struct_fields__
    assert issubclass(VerdictRecord, TrialResult)


def changed(**facts: Any) -> dict[str, Any]:
    """results.json of three trials, the third with these facts."""
    results = RunResult(schema=1, exit_code=0, seconds=1.0, trials=[trial(), trial(), trial()])
    found: dict[str, Any] = msgspec.to_builtins(results)
    found["trials"][2].update(facts)
    return found


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"seconds": "x"}, "`seconds` must be a number or null, not 'x'."),
        ({"at_risk": 1.5}, "`at_risk` must be a whole number, not 1.5."),
        ({"at_risk": True}, "`at_risk` must be a whole number, not true."),
        ({"twin": {}}, "`twin.at_risk` is missing."),
        ({"twin": {"at_risk": 3, "kept": None, "lost": 0}}, "`twin.kept` must be a whole number, not null."),
        ({"versions": {"worker": 3}}, "`versions[...]` must be text, not a whole number."),
        ({"reason": "x" * 1000, "folder": ["x"]}, "`folder` must be text, not a list."),
        ({"as_expected": "yes" * 100}, "`as_expected` must be true or false or null, not '" + ("yes" * 13)),
    ],
)
def test_an_error_names_the_file_the_trial_the_field_and_what_stands_there(facts: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_as(RunResult, changed(**facts), Path("results.json"))
    first, *more = str(raised.value).splitlines()
    assert first.startswith(f"results.json, trial 3: {said}")
    assert len(more) == 1 and len(first) < 150
