"""The rules of the harness: each is a mark on the test that guards it, and a comment at the place that keeps it.

    @pytest.mark.rule("lost-twin-is-no-control", "If the twin lost runs too, there is no verdict.")
    def test_...

    if twin.lost:  # rule: lost-twin-is-no-control

A comment stands at the end of the line that keeps the rule, or above it, and names one rule or several. In parentheses
it says how the place is broken, where the default does not fit (mutants/): `# rule: lost-404-twice (one less)`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_TAG = re.compile(r"#\s*rule:\s*(?P<items>.*)$")
_ITEM = re.compile(r"(?P<rule>[a-z0-9]+(?:-[a-z0-9]+)*)(?:\s\((?P<how>[^()]+)\))?(?:,\s|$)")
_NO_CODE = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT, tokenize.ENDMARKER}


@dataclass(frozen=True)
class Rule:
    """A rule by its name, the sentence that says it, and the test that guards it, as pytest names it."""

    name: str
    says: str
    test: str


@dataclass(frozen=True)
class Tag:
    """A place that keeps a rule: a file, the line of its code, and how it is broken; empty for the default."""

    rule: str
    file: str
    line: int
    how: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def rules(root: Path = ROOT) -> list[Rule]:
    """What the marks of the tests say, by files and lines. Raises ValueError for a mark that is not written out."""
    return [
        rule
        for folder in ("unit", "fakes")
        for path in _modules(root / "tests" / folder)
        for rule in _rules_of(path, root)
    ]


def _rules_of(path: Path, root: Path) -> Iterator[Rule]:
    name = path.relative_to(root).as_posix()
    functions = [node for node in ast.parse(_text(path)).body if isinstance(node, ast.FunctionDef)]
    for node in functions:
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.rule":
                told = [each.value for each in mark.args if isinstance(each, ast.Constant)]
                if len(told) != 2 or mark.keywords or not all(isinstance(each, str) for each in told):
                    raise ValueError(f"{name}:{mark.lineno}: a rule has a name and a sentence, both written out")
                yield Rule(str(told[0]), str(told[1]), f"{name}::{node.name}")


def tags(root: Path = ROOT) -> list[Tag]:
    """Every place of the harness that says which rule it keeps."""
    return [
        tag for path in _modules(root / "harness") for tag in tags_of(_text(path), path.relative_to(root).as_posix())
    ]


def tags_of(source: str, file: str) -> list[Tag]:
    """The tags of one module. Raises ValueError for a comment that is meant as one and cannot be read."""
    found: list[Tag] = []
    above: list[tuple[str, str]] = []
    coded = 0  # the last line on which code was seen
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (tag := _TAG.search(token.string)):
            items = _items(tag["items"], f"{file}:{token.start[0]}")
            if coded == token.start[0]:
                found += [Tag(rule, file, coded, how) for rule, how in items]
            else:
                above += items
        elif token.type not in _NO_CODE:
            coded = token.end[0]
            found += [Tag(rule, file, token.start[0], how) for rule, how in above]
            above = []
    return found


def _items(said: str, where: str) -> list[tuple[str, str]]:
    items = list(_ITEM.finditer(said))
    if not items or "".join(item[0] for item in items) != said:
        raise ValueError(f"{where}: a tag reads `# rule: name` or `# rule: name (how), name`, not {said!r}")
    return [(item["rule"], item["how"] or "") for item in items]


def _modules(folder: Path) -> Iterable[Path]:
    return sorted(folder.rglob("*.py"))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
