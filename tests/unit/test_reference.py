"""The pages of docs/reference, and the marked tables of other pages, are what the code makes of them."""

from __future__ import annotations

import runpy
from typing import Any

import pytest

from harness.doors import load_doors
from harness.faults import load_faults
from harness.trials.scenario import load_scenarios
from harness.verdict import outcomes
from harness.words import outcomes as words
from harness.words.meanings import EXIT_CODES, OUTCOMES
from harness.words.names import SIGNALS
from harness.words.places import ROOT

REFERENCE: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "reference.py"))
MADE, FILLED, filled = REFERENCE["PAGES"], REFERENCE["FILLED"], REFERENCE["filled"]


@pytest.mark.parametrize("page", MADE)
def test_a_committed_page_is_what_the_code_makes_of_it(page: str) -> None:
    committed = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert committed == MADE[page](), "run `python docs/reference.py`"


def test_every_door_and_every_fault_has_a_line() -> None:
    for page, names in (("doors.md", load_doors()), ("faults.md", load_faults())):
        said = MADE[page]()
        assert [name for name in names if f"| `{name}` |" not in said] == []


def test_a_door_is_called_one_for_any_deployment_only_if_it_fits_those_that_are_served() -> None:
    served = load_scenarios()["serve"]
    rows = {line.split("`")[1]: line for line in MADE["doors.md"]().splitlines() if line.startswith("| `")}
    any_ = [name for name, row in rows.items() if row.endswith("| any |")]
    assert any_ and not [name for name in any_ if "is for deployments" in load_doors()[name].misfit(served)]


@pytest.mark.parametrize(("page", "name"), [(page, name) for page, sections in FILLED.items() for name in sections])
def test_a_marked_table_is_what_the_code_makes_of_it(page: str, name: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert text.count(f"<!-- made: {name} -->\n") == 1
    assert text == filled(page, {name: FILLED[page][name]}), "run `python docs/reference.py`"


def test_every_outcome_has_its_meaning_in_order_of_precedence() -> None:
    assert tuple(OUTCOMES) == words.OUTCOMES


def test_every_exit_code_has_its_meaning() -> None:
    codes = [outcomes.EXIT_AS_EXPECTED, outcomes.EXIT_CONTRADICTED, outcomes.EXIT_USAGE, outcomes.EXIT_UNJUDGED]
    signals = sorted(128 + number for number in SIGNALS)
    assert list(EXIT_CODES) == [*map(str, codes), ", ".join(map(str, signals))]
