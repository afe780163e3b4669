"""The grid of a run: what a terminal and the page show of scenarios and doors by release."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from harness.evidence import Run
from harness.evidence.grid import grid_of
from harness.evidence.page import page
from harness.store.results import write_results, write_run
from harness.words.records import RunFacts, TrialResult
from tests.unit.entries import trial


def tried(door: str, subject: str, outcome: str, repetition: int = 1, **facts: Any) -> TrialResult:
    folder = f"trials/{door}--{subject}--{repetition}"
    return trial(door=door, subject=subject, version=subject, outcome=outcome, folder=folder, **facts)


def grid_on_page(folder: Path, trials: Sequence[TrialResult]) -> ElementTree.Element | None:
    """The grid's table, as the page has it; None if it has none."""
    write_results(folder, trials, exit_code=0, seconds=1.0)
    write_run(folder, RunFacts())
    text = page(Run.read(folder))
    found = re.search(r'<div class="scroll grid".*?</div>', text, re.DOTALL)
    if found:
        assert text.index("<h1>") < found.start() < text.index('id="filters"'), "the page opens with it"
    return ElementTree.fromstring(found[0].replace("<br>", "<br/>")) if found else None


def words(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_of_several_repetitions_a_square_shows_the_least_frequent_outcome_and_opens_its_first_trial() -> None:
    trials = [tried("none", "3.3.4", outcome, n) for n, outcome in enumerate(["survived", "lost", "survived"], start=1)]
    square = grid_of(trials).rows["worker-outage"]["none"]["3.3.4", ""]
    assert square is not None
    assert (square.outcome, square.often, square.trial) == ("lost", "1/3", trials[1])


def test_the_page_of_several_releases_opens_with_a_table_whose_cells_open_their_trials(tmp_path: Path) -> None:
    trials = [
        tried("none", "3.3.3", "survived", expected="survived"),
        tried("prefect-deploy", "3.3.3", "lost", expected="survived"),
        tried("prefect-deploy", "3.3.4", "inconclusive"),
        tried("prefect-deploy", "3.3.4", "survived", 2),
        tried("prefect-deploy", "3.3.4", "survived", 3),
    ]
    table = grid_on_page(tmp_path, trials)
    assert table is not None
    heads = {(head.get("scope"), words(head)) for head in table.iter("th")}
    assert heads == {
        ("col", "scenario, door"), ("col", "3.3.3"), ("col", "3.3.4"), ("rowgroup", "worker-outage"), ("row", "none"),
        ("row", "prefect-deploy"),
    }  # fmt: skip
    cells = [[words(cell) for cell in row.iter("td")] for row in table.iter("tr")]
    assert cells[2:] == [["survived", ""], ["lost (!)", "inconclusive 1/3"]], "the word stands in the cell"
    assert [link.get("href") for link in table.iter("a")] == [
        "#none--3.3.3--1", "#prefect-deploy--3.3.3--1", "#prefect-deploy--3.3.4--1",
    ]  # fmt: skip
    assert (table.get("tabindex"), table.get("role"), table.get("aria-labelledby")) == ("0", "region", "grid")


def test_the_columns_say_what_a_run_on_two_databases_ran_on(tmp_path: Path) -> None:
    table = grid_on_page(
        tmp_path, [tried("none", "3.3.4", "lost"), tried("none", "3.3.4", "lost", database="postgres")]
    )
    assert table is not None
    columns = [words(head) for head in table.iter("th") if head.get("scope") == "col"]
    assert columns[1:] == ["3.3.4processes, sqlite", "3.3.4processes, postgres"]


def test_the_page_of_one_release_has_no_grid(tmp_path: Path) -> None:
    assert grid_on_page(tmp_path, [tried("none", "3.3.4", "lost"), tried("prefect-deploy", "3.3.4", "lost")]) is None
