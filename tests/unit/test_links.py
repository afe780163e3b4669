"""Every link of a page of this repository leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.words.places import ROOT

PAGES = [
    path
    for pattern in ("*.md", "docs/**/*.md", "scenarios/**/*.md", "overlays/*.md", "tests/*.md")
    for path in sorted(ROOT.glob(pattern))
]
_LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = [link for link in _LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/explanation/**/*.md")), ids=lambda page: page.name)
def test_each_file_that_an_explanation_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:harness|scenarios|overlays|docs|tests)/[^`\s]+)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/explanation/**/*.md")), ids=lambda page: page.name)
def test_what_an_explanation_says_is_in_a_file_is_in_it(page: Path) -> None:
    said = re.findall(r"`([\w.]+)` in `(harness/[^`\s]+)`", page.read_text(encoding="utf-8"))
    texts = {file: (ROOT / file).read_text(encoding="utf-8") for _, file in said}
    assert [(name, file) for name, file in said if name.rpartition(".")[2] not in texts[file]] == []


def test_each_decision_is_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs" / "explanation" / "decisions"
    listed = _LINK.findall((folder / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(page.name for page in folder.glob("*.md") if page.name != "README.md")
