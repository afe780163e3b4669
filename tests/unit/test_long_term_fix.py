"""docs/long-term-fix.md: its tables and its picture are what docs/long-term-fix.json has."""

from __future__ import annotations

import runpy

from harness.words.places import ROOT


def test_the_tables_and_the_picture_are_of_what_was_measured() -> None:
    written = runpy.run_path(str(ROOT / "docs" / "long_term_fix.py"))["drawn_and_told"]()
    assert len(written) == 2
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: python docs/long_term_fix.py writes it anew"
