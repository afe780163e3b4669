"""Each rule is a mark on a test and a tag in the harness, and each tag has one place that a mutant breaks."""

from __future__ import annotations

import ast
import builtins
import io
import re
import tokenize
from collections import Counter

import pytest

from tests.mutants import OPERATORS, by_hand, mutate
from tests.rules import ROOT, Tag, rules, tags, tags_of

FILES = sorted({tag.file for tag in tags()})


def test_each_rule_has_a_place_in_the_harness_and_each_place_has_a_test() -> None:
    marked, tagged = {rule.name for rule in rules()}, {tag.rule for tag in tags()}
    assert len(marked) > 200
    assert sorted(marked - tagged) == [], "tests guard rules that no place in the harness is tagged with"
    assert sorted(tagged - marked) == [], "places are tagged with rules that no test is marked with"
    assert sorted(set(by_hand.MUTANTS) - tagged) == [], "mutants are written for rules that nothing is tagged with"


def test_each_rule_has_one_name_and_one_sentence() -> None:
    assert [name for name, times in Counter(rule.name for rule in rules()).items() if times > 1] == []
    assert [says for says, times in Counter(rule.says for rule in rules()).items() if times > 1] == []
    for rule in rules():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name), rule
        assert rule.says.endswith(".") and rule.says[0] in "`-" + rule.says[0].upper(), rule


def test_no_mark_is_left_to_a_file_that_is_not_read() -> None:
    marked = sum(
        text.count("@pytest.mark.rule(")
        for path in (ROOT / "tests").rglob("test_*.py")
        if path.name != "test_rules.py" and (text := path.read_text(encoding="utf-8"))
    )
    assert marked == len(rules())


@pytest.mark.parametrize("file", FILES)
def test_each_tag_has_one_place_and_its_mutant_is_a_module(file: str) -> None:
    source = (ROOT / file).read_text(encoding="utf-8")
    for tag in tags_of(source, file):
        mutant = mutate(source, tag)
        compile(mutant.source, file, "exec")
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(source)), tag


@pytest.mark.parametrize("file", FILES)
def test_a_mutant_is_the_same_whatever_the_variables_are_called(file: str) -> None:
    source = (ROOT / file).read_text(encoding="utf-8")
    names = _own_names(source)
    renamed = _renamed(source, names)
    for before, after in zip(tags_of(source, file), tags_of(renamed, file), strict=True):
        mine, other = mutate(source, before), mutate(renamed, after)
        assert (_renamed(mine.was, names), _renamed(mine.becomes, names)) == (other.was, other.becomes), before


def _own_names(source: str) -> set[str]:
    """The variables, parameters and functions that a module makes itself."""
    tree = ast.parse(source)
    parameters = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return _made(tree) | parameters | {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def _made(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _renamed(code: str, names: set[str]) -> str:
    lines = code.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(code).readline))):
        if token.type == tokenize.NAME and token.string in names:
            (row, first), (_, last) = token.start, token.end
            lines[row - 1] = f"{lines[row - 1][:first]}{token.string}_{lines[row - 1][last:]}"
    return "".join(lines)


@pytest.mark.parametrize("file", FILES)
def test_a_mutant_brings_in_no_name_that_its_module_lacks(file: str) -> None:
    # A mutant that ends with a NameError fails any test, and shows nothing.
    source = (ROOT / file).read_text(encoding="utf-8")
    there = _words(ast.parse(source)) | set(dir(builtins)) | {"symlink_to"}
    for tag in tags_of(source, file):
        broken = ast.parse(mutate(source, tag).source)
        assert _words(broken) - there - _made(broken) == set(), tag


def _words(tree: ast.AST) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


BROKEN = [
    ("if a and b:  # rule: x\n    c()\n", "if False:\n    c()\n"),
    ("if a and b:  # rule: x (always)\n    c()\n", "if True:\n    c()\n"),
    ("if a:\n    b()\nelif c:  # rule: x\n    d()\n", "if a:\n    b()\nelif False:\n    d()\n"),
    ("while a:  # rule: x\n    b()\n", "while False:\n    b()\n"),
    ("for a in b:  # rule: x\n    c()\n", "for a in []:\n    c()\n"),
    ("for a in b:  # rule: x (first alone)\n    c()\n", "for a in list(b)[:1]:\n    c()\n"),
    ("a = [b for b in c]  # rule: x (not the first)\n", "a = [b for b in list(c)[1:]]\n"),
    ("a = [b for b in c if d(b)]  # rule: x (never)\n", "a = [b for b in c if False]\n"),
    ("a = (\n    b\n    and c  # rule: x\n    and d\n)\n", "a = b and d\n"),
    ("a = (\n    b  # rule: x\n    + c\n)\n", "a = c\n"),
    ("a = b if c or d or e else f  # rule: x (without first)\n", "a = b if d or e else f\n"),
    ("a = {**b, **c}  # rule: x (without last)\n", "a = {**b}\n"),
    ("a = {\n    b,\n    # rule: x\n    c,\n}\n", "a = {b}\n"),
    ("a = {\n    b: 1,\n    c: 2,  # rule: x\n}\n", "a = {b: 1}\n"),
    ("a(\n    b,\n    c=d,  # rule: x\n)\n", "a(b)\n"),
    ("a = [\n    b\n    for b in c\n    if d\n    if e  # rule: x\n]\n", "a = [b for b in c if d if True]\n"),
    ("a.b(c)  # rule: x\n", "pass\n"),
    ("a += 1  # rule: x\n", "pass\n"),
    ("try:\n    a()\nexcept B as b:  # rule: x\n    c()\n", "try:\n    a()\nexcept () as b:\n    c()\n"),
    ("try:\n    a()\nexcept B:\n    c()  # rule: x (reraise)\n", "try:\n    a()\nexcept B:\n    raise\n"),
    ("def a():\n    return b  # rule: x (gives [])\n", "def a():\n    return []\n"),
    ("def a():\n    return b  # rule: x (opposite)\n", "def a():\n    return not b\n"),
    ("a(key=lambda b: b)  # rule: x (opposite)\n", "a(key=lambda b: not b)\n"),
    ("a = b(c)  # rule: x (unwrapped)\n", "a = c\n"),
    ("a = b.get(c, d)  # rule: x (default)\n", "a = d\n"),
    ("if a > 1:  # rule: x (boundary)\n    b()\n", "if a >= 1:\n    b()\n"),
    ("if a > 1:  # rule: x (one more)\n    b()\n", "if a > 2:\n    b()\n"),
    ("if a > 1:  # rule: x (one less)\n    b()\n", "if a > 0:\n    b()\n"),
    ("def a():\n    b()  # rule: x (later)\n    c()\n", "def a():\n    c()\n    b()\n"),
    ("a = (\n    b,  # rule: x (later)\n    c,\n)\n", "a = (c, b)\n"),
    (
        "def a():\n    if b:  # rule: x (last)\n        c()\n    if d:\n        e()\n    return f\n",
        "def a():\n    if d:\n        e()\n    if b:\n        c()\n    return f\n",
    ),
]


@pytest.mark.parametrize(("source", "becomes"), BROKEN)
def test_a_place_is_broken_by_its_kind(source: str, becomes: str) -> None:
    (tag,) = tags_of(source, "module.py")
    assert ast.unparse(ast.parse(mutate(source, tag).source)) == ast.unparse(ast.parse(becomes))


def test_every_operator_is_shown() -> None:
    said = "".join(source for source, _ in BROKEN)
    by_default = {"without", "skip", "uncaught"}
    assert [name for name in OPERATORS if name not in by_default and f"({name})" not in said] == []


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("a = b and c  # rule: x\n", "2 places for 'without'"),
        ("a = b  # rule: x\n", "0 places for 'without'"),
        ("if a:  # rule: x (turned)\n    b()\n", "'turned' is no way to break x"),
    ],
)
def test_a_tag_without_one_place_is_refused(source: str, why: str) -> None:
    (tag,) = tags_of(source, "module.py")
    with pytest.raises(ValueError, match=re.escape(f"module.py:1: {why}")):
        mutate(source, tag)


def test_a_comment_names_the_rules_of_its_line_or_of_the_next_line_of_code() -> None:
    source = "# why  # rule: a, b-c (one less)\n\n# and so on\nif x:  # why  # rule: d\n    '# rule: e'\n"
    assert tags_of(source, "m.py") == [
        Tag("a", "m.py", 4),
        Tag("b-c", "m.py", 4, "one less"),
        Tag("d", "m.py", 4),
    ]


@pytest.mark.parametrize("said", ["", "Two Words", "a b", "a (", "a,b"])
def test_a_comment_that_is_meant_as_a_tag_and_is_none_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match=r"m\.py:1: a tag reads"):
        tags_of(f"x = 1  # rule: {said}\n", "m.py")
