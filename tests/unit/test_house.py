"""The house: how long a module may be, and that it says what it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from harness.words.places import ROOT

MODULES = sorted((ROOT / "harness").rglob("*.py"))
LONGEST = 300


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_and_has_one_subject(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "it has no docstring"
    assert len(text.splitlines()) <= LONGEST, "look for its second subject"
