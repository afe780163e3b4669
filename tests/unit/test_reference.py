"""The pages of docs/reference are what the code makes of them."""

from __future__ import annotations

import runpy
from collections.abc import Callable

import pytest

from harness.doors import load_doors
from harness.words.places import ROOT

MADE: dict[str, Callable[[], str]] = runpy.run_path(str(ROOT / "docs" / "reference.py"))["PAGES"]


@pytest.mark.parametrize("page", MADE)
def test_a_committed_page_is_what_the_code_makes_of_it(page: str) -> None:
    committed = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert committed == MADE[page](), "run `python docs/reference.py`"


def test_every_door_has_a_line() -> None:
    said = MADE["doors.md"]()
    assert [name for name in load_doors() if f"| `{name}` |" not in said] == []
