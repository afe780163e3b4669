"""The track record: what saved results say of each bug, and nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import cli
from harness.commands.track_record import BEGIN, END, Seen, rows_of, table
from harness.store.results import write_results, write_run
from harness.words.records import RunFacts
from tests.unit.entries import trial

BUG, FINDING = "PrefectHQ/prefect#17764", "docs/findings/pausing-deletes-late-runs"


def seen(outcome: str, version: str, **facts: str) -> Seen:
    usual = {"reference": BUG, "door": "prefect-deploy", "day": "2026-11-22"} | facts
    command = f"nox -s reproduce -- --subject {version}"
    return Seen(scenario="worker-outage", version=version, outcome=outcome, command=command, **usual)


def test_a_row_a_bug_with_the_releases_that_lose_and_that_keep() -> None:
    found = [
        seen("lost", "3.3.3"),
        seen("lost", "2.20.20", day="2026-11-23"),
        seen("survived", "3.3.4", reference="PrefectHQ/prefect#17769"),
        seen("survived", "3.10.0", reference=""),
        seen("lost", "3.9.1", door="pause-deployment", reference=FINDING),
        seen("survived", "3.9.1", door="none", reference="by definition"),
        seen("lost", "3.9.1", door="delete-deployment", reference="by design: a deployment takes its runs along"),
        seen("lost", "3.9.1", door="deploy-schedule", reference=""),
    ]
    lines = table(rows_of(found)).splitlines()
    _, _, bug, finding = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    what, *rest = bug
    assert what == "[PrefectHQ/prefect#17764](https://github.com/PrefectHQ/prefect/issues/17764): `worker-outage`"
    assert rest[:3] == ["`prefect-deploy`", "2.20.20, 3.3.3", "3.3.4, 3.10.0"]
    assert rest[3:] == ["2026-11-23, 2.20.20", "`nox -s reproduce -- --subject 2.20.20`"]
    assert finding[0] == f"[pausing-deletes-late-runs]({FINDING}/README.md): `worker-outage`"
    assert finding[1:4] == ["`pause-deployment`", "3.9.1", "not seen kept"]


def test_no_release_between_two_that_were_tried_is_spoken_for() -> None:
    versions = [f"3.3.{patch}" for patch in range(9)]
    (row,) = rows_of([seen("lost", version) for version in versions])
    assert "| 3.3.0, 3.3.1, …, 3.3.6, 3.3.7, 3.3.8 |" in table([row])


def test_the_command_writes_it_between_the_marks_and_nowhere_else(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    entry = trial(subject="latest", outcome="lost", expected="lost", as_expected=True, reason="gone", reference=BUG)
    write_results(run, [entry], exit_code=0, seconds=1.0)
    write_run(run, RunFacts(run="20261122-101010-abcd"))
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    assert cli.main(["track-record", str(run), "--into", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n| what ") and text.endswith(f"{END}\nafter\n")
    assert (
        "| 3.3.3 | not seen kept | 2026-11-22, 3.3.3 | `nox -s reproduce -- --scenario worker-outage --door" in text
        and "old" not in text
    )


@pytest.mark.parametrize("text", ["no marks", f"{END}\n{BEGIN}"])
def test_a_page_without_the_marks_is_wrong_usage_and_stays_as_it_is(tmp_path: Path, text: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    write_results(run, [], exit_code=0, seconds=1.0)
    page = tmp_path / "README.md"
    page.write_text(text, encoding="utf-8")
    assert cli.main(["track-record", str(run), "--into", str(page)]) == 2
    assert page.read_text(encoding="utf-8") == text
    assert cli.main(["track-record", str(run), "--into", "/dev/zero"]) == 2, "which has no end"
