"""Foreign text in Markdown, where it can be no markup."""

from __future__ import annotations

import re

from harness.evidence.xml_text import as_xml_text

LONGEST = 65_536  # characters in the body of an issue on GitHub (its documented limit)
_CUT_OFF = "\n\n(Cut off here: GitHub takes no more. The whole is in the run's folder.)\n"


def fenced(text: str, language: str = "text") -> str:
    """A text as a block of code that nothing in it can end: the fence is longer than any that it holds."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{as_xml_text(text)}\n{fence}"


def in_cell(text: str) -> str:
    """A text in a line or a table of Markdown, in which it can be neither markup nor the end of its cell."""
    return re.sub(r"([\\`|<>*_\[\]])", r"\\\1", as_xml_text(text).replace("\n", " "))


def cut(text: str) -> str:
    """As much of a text as fits, to the end of a line, and outside of any block of code."""
    kept = text[: LONGEST - len(_CUT_OFF) - 20]
    kept = kept[: kept.rfind("\n")]
    fences = [line for line in kept.splitlines() if line.startswith("```")]
    if len(fences) % 2:
        opening = fences[-1]
        kept += "\n" + opening[: len(opening) - len(opening.lstrip("`"))]
    return kept + _CUT_OFF
