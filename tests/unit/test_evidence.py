"""What a reader is shown: the table, the summary, the report; and results.json, whole at every moment."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace
from rich.console import Console

from harness.doors import load_doors
from harness.evidence.junit import junit
from harness.evidence.report import report
from harness.evidence.summary import summary
from harness.evidence.table import Picture, footnotes, table
from harness.store import results as results_module
from harness.store.results import write_results
from harness.store.trial_folder import result
from harness.verdict.outcomes import OUTCOMES
from harness.words.plan import Cell, Plan
from harness.words.records import TrialResult
from harness.words.redaction import Redactor
from tests.unit.entries import ticks
from tests.unit.plain import judge, read
from tests.unit.stories import NONCE, run_id, whole_history

DOORS = load_doors()

LONGEST = "a-scenario-of-twenty"
WHOLE = ("completed",) * 3


def cell(**facts: Any) -> Cell:
    known = {"scenario": LONGEST, "door": "prefect-deploy", "subject": "2.20.20", "version": "2.20.20", "as_of": ""}
    return Cell(
        **{**known, "engine": "containers", "database": "sqlite", "engine_detail": "Docker", "lab": "lab", **facts}
    )


def entry(tmp_path: Path, outcome: str | None, **facts: Any) -> TrialResult:
    """An entry of results.json as it stands before a trial, with these facts put in."""
    planned = result(Plan("run", tmp_path, []), cell(outcome=outcome), [], None)
    counts = {"at_risk": 12, "kept": 12, "lost": 12, "seconds": 1234.5} if outcome else {}
    return replace(planned, **{**counts, **facts})


def drawn(trials: list[TrialResult], width: int = 80) -> str:
    """The table as a terminal of that width shows it."""
    file = io.StringIO()
    Console(file=file, width=width).print(table(trials))
    return file.getvalue()


def test_the_table_fits_80_columns_with_nothing_cut_off(tmp_path: Path) -> None:
    trials = [entry(tmp_path, outcome) for outcome in (*OUTCOMES, None)]
    trials += [entry(tmp_path, outcome, as_expected=False) for outcome in ("lost", "altered", "stranded", "survived")]
    trials.append(entry(tmp_path, "survived", subject="latest", version="3.9.1"))
    text = drawn(trials)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    for outcome in OUTCOMES:
        assert f"  {outcome} " in text
    assert text.count(LONGEST) == len(trials)
    assert text.count("2.20.20") == len(trials) - 1
    assert all(
        word in text for word in ("at ", "risk", "kept", "lost", "twin", "outcome", "seconds", "latest", "3.9.1")
    )


def test_an_overlay_stands_on_lines_of_its_own_and_breaks_at_its_hyphens(tmp_path: Path) -> None:
    trials = [entry(tmp_path, "survived", subject="3.3.3+keep-waiting-runs", scenario="concurrency-limit")]
    parts = ["3.3.3", "+keep-", "waiting-runs"]
    assert [word for word in drawn(trials).split() if word in parts] == parts
    assert "3.3.3+keep-waiting-runs" in drawn(trials, 200)


ERA = ("2.20.20", "3.0.8", "3.3.3", "3.3.4", "latest")


def pictured(trials: list[TrialResult], width: int = 80) -> str:
    """The picture as a terminal of that width shows it."""
    file = io.StringIO()
    Console(file=file, width=width).print(Picture(trials))
    return file.getvalue()


def first_column(text: str) -> str:
    """What stands in the first column of a text, read on from line to line."""
    return "".join(line.split("  ")[0].strip() for line in text.splitlines())


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("scenario", ["a-scenario-of-twenty", "a-scenario-whose-name-goes-on-for-fifty-two-columns"])
@pytest.mark.parametrize("door", ["a-door-of-twenty-columns", "a-door-whose-name-goes-on-for-longer-than-any-so-far"])
def test_names_of_any_length_fit_any_terminal_with_nothing_cut_off(
    tmp_path: Path, width: int, scenario: str, door: str
) -> None:
    subjects = (*ERA, "3.9.1/worker=3.4.15/deployer=3.4.16")
    broken = ticks(outcome="inconclusive", expected="whole")
    of = {"scenario": scenario, "door": door, "judged_by": "ticks", "promises": broken}
    trials = [entry(tmp_path, "survived", subject=subject, **of) for subject in subjects]
    for text in (drawn(trials, width), pictured(trials, width)):
        assert max(len(line) for line in text.splitlines()) <= width
        assert "…" not in text
        assert all(name in first_column(text) for name in (scenario, door))
        assert "inconclusive" in text or "ticks unclear" in text
        assert all(subject in text for subject in ERA)
    assert drawn(trials, width).count("1234") == len(trials), "the last column"


@pytest.mark.parametrize("outcome", [*OUTCOMES, None])
def test_the_picture_fits_80_columns_with_nothing_cut_off(tmp_path: Path, outcome: str | None) -> None:
    longest = "a-door-of-twenty-columns"
    trials = [entry(tmp_path, outcome, door=door, subject=era) for door in ("none", longest) for era in ERA]
    text = pictured(trials)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    assert all(name in text for name in (LONGEST, longest, *ERA))
    (row,) = (line for line in text.splitlines() if line.split()[:1] == [longest])
    assert len(set(row.replace("not run", "not-run").split()[1:])) == 1 and len(row.split()) >= 6


def test_subjects_that_do_not_fit_beside_each_other_follow_below(tmp_path: Path) -> None:
    many = [f"3.{minor}.11" for minor in range(12)]
    longest = "a-door-of-twenty-columns"
    text = pictured([entry(tmp_path, "survived", door=longest, subject=subject, version=subject) for subject in many])
    headings = [line.split()[2:] for line in text.splitlines() if line.startswith("stage, door")]
    assert [subject for heading in headings for subject in heading] == many
    assert max(len(heading) for heading in headings) >= 5
    assert max(len(line) for line in text.splitlines()) <= 80
    rows = [line.split()[1:] for line in text.splitlines() if longest in line]
    assert [len(row) for row in rows] == [len(heading) for heading in headings]


def test_the_picture_has_a_row_a_stage_and_door_and_leaves_out_what_was_not_asked_for(tmp_path: Path) -> None:
    one = entry(tmp_path, "lost", scenario="late", door="pause", subject="3.3.3", expected="lost")
    other = entry(tmp_path, "lost", scenario="late", door="deploy", subject="3.3.4", expected="survived")
    (_, stage, *rows) = pictured([one, other]).splitlines()
    assert stage.strip() == "late"
    assert [row.split() for row in rows] == [["pause", "lost"], ["deploy", "lost!"]]
    assert rows[0].index("lost") < rows[1].index("lost"), "each under its own subject"


def test_a_tick_that_contradicts_what_is_known_marks_its_trial(tmp_path: Path) -> None:
    missing = ticks(outcome="missing", expected="whole", as_expected=False)
    assert "survived!" in pictured([entry(tmp_path, "survived", expected="survived", promises=missing)])


@pytest.mark.rule("junit-failure", "In junit.xml a contradiction is a failure.")
def test_in_junit_xml_each_cell_is_one_test_case_and_only_as_expected_passes(tmp_path: Path) -> None:
    held = entry(tmp_path, "survived", expected="survived", subject="3.3.4")
    lost = entry(tmp_path, "lost", expected="survived", subject="3.3.3", reason="3 of 3 are gone")
    broken = entry(tmp_path, "error", expected="survived", reason="\x1b[31m<b>killed</b>\x00")
    passed_over = entry(tmp_path, "not-applicable", expected="not-applicable", reason="from 3.0.4 on")
    not_run = entry(tmp_path, None, expected="survived")
    unknown = entry(tmp_path, "lost", subject="3.3.4")
    root = ElementTree.fromstring(junit([held, lost, broken, passed_over, not_run, unknown]))
    ends = ("failure", "error", "skipped")
    kinds = [[child.tag for child in case if child.tag in ends] for case in root.iter("testcase")]
    assert {suite.get("name"): suite.get("tests") for suite in root.iter("testsuite")} == {
        "3.3.4": "2",
        "3.3.3": "1",
        "2.20.20": "3",
    }
    assert kinds == [[], [], ["failure"], ["error"], ["skipped"], ["error"]]
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("1", "2", "1")
    (failure,) = root.iter("failure")
    assert failure.get("message") == "lost, expected survived: 3 of 3 are gone"
    assert "<b>killed</b>" in (next(root.iter("error")).get("message") or ""), "markup is only text"
    (case, *_) = root.iter("testcase")
    assert case.get("classname") == LONGEST
    assert {"outcome": "survived", "expected": "survived"}.items() <= {
        one.get("name"): one.get("value") for one in case.iter("property")
    }.items()


def test_a_cell_with_no_outcome_is_drawn_as_not_run_and_its_counts_as_dashes(tmp_path: Path) -> None:
    (_, row) = drawn([entry(tmp_path, None)]).splitlines()
    assert row.split() == [LONGEST, "2.20.20", "-", "-", "-", "-", "not", "run", "-"]


def test_counts_of_0_are_drawn_as_0_where_they_were_taken(tmp_path: Path) -> None:
    (_, row) = drawn([entry(tmp_path, "error", at_risk=0, kept=0, lost=0, seconds=0.0)]).splitlines()
    assert row.split() == [LONGEST, "2.20.20", "0", "0", "0", "0/0", "error", "0"]


def test_an_outcome_against_what_is_known_is_marked_and_explained(tmp_path: Path) -> None:
    one = entry(
        tmp_path, "lost", expected="survived", as_expected=False, reference="PrefectHQ/prefect#1", reason="gone"
    )
    assert "lost (!)" in drawn([one])
    (line,) = footnotes([one])
    assert line.startswith("(!) ") and "expected survived (PrefectHQ/prefect#1): gone" in line


@pytest.mark.parametrize("outcome", ["error", "inconclusive", "not-applicable"])
def test_what_could_not_be_judged_is_explained_below_the_table(tmp_path: Path, outcome: str) -> None:
    (line,) = footnotes([entry(tmp_path, outcome, reason="because")])
    assert f"{outcome}: because" in line and LONGEST in line


def test_an_outcome_as_expected_needs_no_footnote(tmp_path: Path) -> None:
    assert footnotes([entry(tmp_path, "survived", expected="survived", as_expected=True)]) == []


def test_the_summary_links_the_report_of_each_trial_that_ran_and_says_how_to_run_it_again(tmp_path: Path) -> None:
    text = summary([entry(tmp_path, "lost"), entry(tmp_path, None), entry(tmp_path, "not-applicable")], "nox -s x")
    assert text.count("/report.md)") == 1
    assert text.rstrip().endswith("Again: `nox -s x`")


@pytest.mark.parametrize(
    ("treated", "outcome"),
    [
        (("lost", "recreated", "completed"), "lost"),
        (("renamed", "completed", "completed"), "altered"),
        (("never ran", "completed", "completed"), "stranded"),
        (WHOLE, "survived"),
        (("completed",), "inconclusive"),
    ],
)
def test_the_report_gives_outcome_counts_every_run_and_the_proof(
    tmp_path: Path, treated: tuple[str, ...], outcome: str
) -> None:
    events = whole_history(treated, WHOLE)
    found = judge(events)
    planned = cell(scenario="worker-outage", command="nox -s reproduce -- --subject 2.20.20")
    text = report(planned, result(Plan("run", tmp_path, []), planned, read(events), found), found, read(events))
    assert text.startswith(f"# worker-outage, prefect-deploy, Prefect 3.3.4: {outcome}\n")
    counts = found.findings.treated
    row = (counts.at_risk, counts.kept, counts.progressed, counts.altered, counts.lost)
    assert f"| treated | {' | '.join(str(number) for number in row)} |" in text
    for number in range(len(treated)):
        assert f"`{run_id('treated', number)}`" in text
    assert f"`{NONCE}` after" in text
    assert "nox -s reproduce -- --subject 2.20.20" in text


def test_the_report_of_an_error_quotes_the_log_of_the_part_that_failed(tmp_path: Path) -> None:
    events = whole_history((), ())[:5]
    error = {"phase": "steady state", "reason": "the server ended", "source": "server", "log": "Killed by hand"}
    events.append({"at": events[-1]["at"], "kind": "error", **error})
    found = judge(events)
    planned = cell(scenario="worker-outage")
    text = report(planned, result(Plan("run", tmp_path, []), planned, read(events), found), found, read(events))
    assert "## The end of the log of: server\n\n```text\nKilled by hand\n```" in text


def test_results_hold_every_name_of_the_contract_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_module, "redact", Redactor({"API_TOKEN": "hunter2hunter2"}))
    trials = [entry(tmp_path, None), entry(tmp_path, "error", reason="with hunter2hunter2")]
    write_results(tmp_path, trials, exit_code=None, seconds=61.23)
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert "hunter2" not in text
    saved = json.loads(text)
    assert {key: saved[key] for key in ("schema", "exit_code", "seconds")} == {
        "schema": 1,
        "exit_code": None,
        "seconds": 61.2,
    }
    counts = {
        "at_risk",
        "kept",
        "progressed",
        "altered",
        "lost",
        "stranded",
        "recreated",
        "executed_twice",
        "never_ran",
    }
    names = {"scenario", "door", "subject", "version", "engine", "database", "outcome", "expected", "as_expected",
             "twin", "seconds", "reason", "folder"}  # fmt: skip
    for saved_entry in saved["trials"]:
        assert names | counts <= set(saved_entry)
        assert counts <= set(saved_entry["twin"])
    assert saved["trials"][0]["outcome"] is None
