"""Foreign text in Markdown, where it can be no markup."""

from __future__ import annotations

import re

from harness.evidence.xml_text import as_xml_text


def fenced(text: str, language: str = "text") -> str:
    """A text as a block of code that nothing in it can end: the fence is longer than any that it holds."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{as_xml_text(text)}\n{fence}"


def in_cell(text: str) -> str:
    """A text in a line or a table of Markdown, in which it can be neither markup nor the end of its cell."""
    return re.sub(r"([\\`|<>*_\[\]])", r"\\\1", as_xml_text(text).replace("\n", " "))
