"""The pages of docs/reference are what the code makes of them."""

from __future__ import annotations

import runpy
from collections.abc import Callable

import pytest

from harness.doors import load_doors
from harness.faults import load_faults
from harness.words.places import ROOT

MADE: dict[str, Callable[[], str]] = runpy.run_path(str(ROOT / "docs" / "reference.py"))["PAGES"]


@pytest.mark.parametrize("page", MADE)
def test_a_committed_page_is_what_the_code_makes_of_it(page: str) -> None:
    committed = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert committed == MADE[page](), "run `python docs/reference.py`"


def test_every_door_and_every_fault_has_a_line() -> None:
    for page, names in (("doors.md", load_doors()), ("faults.md", load_faults())):
        said = MADE[page]()
        assert [name for name in names if f"| `{name}` |" not in said] == []
