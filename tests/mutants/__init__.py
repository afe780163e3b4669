"""Breaks a tagged place of the harness, by the kind of its syntax: no name of a variable is read.

`OPERATORS` are the ways to break a place; `by_hand` has those that fit a single rule. `mutate` finds the one place on a
tag's line. The tag says which operator it takes. If it says none, an `if` or `while` is `never`, a `for` loops over
nothing, an `except` is `uncaught`, a call, a `raise` or a `+=` is left out (`skip`), and of anything else the part that
stands on the line is left out (`without`). `gives LITERAL` replaces what is returned, assigned or looped over.
"""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from tests.mutants import by_hand
from tests.rules import Tag

Change = tuple[ast.AST, ast.AST]  # what stands there, and what it becomes
Operator = Callable[[ast.AST], Iterator[tuple[ast.AST, Change]]]


@dataclass(frozen=True)
class Mutant:
    """A tagged place, the module with it broken, and both pieces of code."""

    tag: Tag
    source: str
    was: str
    becomes: str


def _conditions(node: ast.AST, value: bool) -> Iterator[tuple[ast.AST, Change]]:
    held = ast.Constant(value)
    if isinstance(node, ast.If | ast.While):
        yield _with(node.test, lineno=node.lineno), (node.test, held)  # where `if` stands, not what is in its brackets
    elif isinstance(node, ast.IfExp):
        yield node.test, (node.test, held)
    elif isinstance(node, ast.comprehension):
        yield from ((each, (each, held)) for each in node.ifs)


def never(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """A condition does not hold, whatever is true: of `if`, `elif`, `while`, `a if b else c`, or of a comprehension."""
    return _conditions(node, False)


def always(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """A condition holds, whatever is true."""
    return _conditions(node, True)


def opposite(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """A condition, or what is returned, is turned into its opposite."""
    for place, (condition, _) in _conditions(node, True):
        yield place, (condition, _not(condition))
    if isinstance(node, ast.Lambda):
        yield node.body, (node.body, _not(node.body))
    elif isinstance(node, ast.Return) and node.value:
        yield node.value, (node.value, _not(node.value))


def _not(value: ast.AST) -> ast.AST:
    assert isinstance(value, ast.expr)
    return ast.UnaryOp(ast.Not(), value)


def without(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """One part is left out: an operand of `and`, `or`, `+`, `|`, `&`; an element; an argument by keyword; a filter."""
    if isinstance(node, ast.BoolOp):
        for number, each in enumerate(node.values):
            rest = node.values[:number] + node.values[number + 1 :]
            yield each, (node, ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0])
    elif isinstance(node, ast.BinOp):
        yield node.left, (node, node.right)
        yield node.right, (node, node.left)
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        yield from ((each, (node, _less(node, "elts", each))) for each in node.elts)
    elif isinstance(node, ast.Call):
        yield from ((each, (node, _less(node, "keywords", each))) for each in node.keywords)
    elif isinstance(node, ast.comprehension):
        yield from ((each, (each, ast.Constant(True))) for each in node.ifs)
    elif isinstance(node, ast.Dict):
        for number, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            kept = [pair for place, pair in enumerate(zip(node.keys, node.values, strict=True)) if place != number]
            yield key or value, (node, ast.Dict([k for k, _ in kept], [v for _, v in kept]))


def without_first(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """Of what stands on one line, the first operand or element is left out."""
    return _without_one(node, 0)


def without_last(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """Of what stands on one line, the last operand or element is left out."""
    return _without_one(node, -1)


def _without_one(node: ast.AST, place: int) -> Iterator[tuple[ast.AST, Change]]:
    if not isinstance(node, ast.Call | ast.comprehension):
        yield from ((node, change) for _, change in [*without(node)][place:][:1])


def _less(node: ast.AST, field: str, part: ast.AST) -> ast.AST:
    return _with(node, **{field: [each for each in getattr(node, field) if each is not part]})


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def skip(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """A statement does nothing."""
    if isinstance(
        node, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Raise | ast.Return | ast.Continue | ast.Break
    ):
        yield node, (node, ast.Pass())


def uncaught(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """An `except` catches nothing."""
    if isinstance(node, ast.ExceptHandler) and node.type:
        yield node.type, (node.type, ast.Tuple([], ast.Load()))


def unwrapped(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """What a call is given first stands in its place."""
    if isinstance(node, ast.Call) and node.args:
        yield node, (node, node.args[0])


def default(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """What `get` gives if it finds nothing stands in its place."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "get"
        and len(node.args) == 2
    ):
        yield node, (node, node.args[1])


def reraise(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """A statement of an `except` raises again what was caught."""
    if isinstance(node, ast.ExceptHandler):
        yield from (
            (each, (each, ast.Raise())) for part in node.body for each in ast.walk(part) if isinstance(each, ast.stmt)
        )


def first_alone(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """A loop, or a comprehension, stops after the first."""
    return _sliced(node, ast.Slice(upper=ast.Constant(1)))


def not_the_first(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """A loop, or a comprehension, passes over the first."""
    return _sliced(node, ast.Slice(lower=ast.Constant(1)))


def _sliced(node: ast.AST, part: ast.Slice) -> Iterator[tuple[ast.AST, Change]]:
    if isinstance(node, ast.For | ast.comprehension):
        whole = ast.Call(ast.Name("list", ast.Load()), [node.iter], [])
        yield node.iter, (node.iter, ast.Subscript(whole, part, ast.Load()))


_NEIGHBOURS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


def boundary(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """A comparison by size takes the boundary in, or leaves it out."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _NEIGHBOURS:
        yield node, (node, ast.Compare(node.left, [_NEIGHBOURS[type(node.ops[0])]()], node.comparators))


def one_more(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """A number is greater by one."""
    return _number(node, 1)


def one_less(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """A number is smaller by one."""
    return _number(node, -1)


def _number(node: ast.AST, more: int) -> Iterator[tuple[ast.AST, Change]]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield node, (node, ast.Constant(node.value + more))


def last(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """An `if` comes after all the others of its block."""
    for number, each in enumerate(body := _body(node)):
        if isinstance(each, ast.If):
            rest = [*body[:number], *body[number + 1 :]]
            end = 1 + max((place for place, one in enumerate(rest) if isinstance(one, ast.If)), default=number - 1)
            yield _with(each.test, lineno=each.lineno), (node, _with(node, body=[*rest[:end], each, *rest[end:]]))


def later(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
    """A statement, or an element, comes after the next one."""
    field = "elts" if isinstance(node, ast.List | ast.Tuple) else "body"
    parts = getattr(node, field, None)
    parts = parts if isinstance(parts, list) else []
    for number, (one, following) in enumerate(pairwise(parts)):
        yield one, (node, _with(node, **{field: [*parts[:number], following, one, *parts[number + 2 :]]}))


def _body(node: ast.AST) -> list[ast.AST]:
    held = getattr(node, "body", None)
    return held if isinstance(held, list) and isinstance(node, ast.stmt) else []


def _gives(literal: str) -> Operator:
    value = ast.parse(repr(ast.literal_eval(literal)), mode="eval").body

    def gives(node: ast.AST) -> Iterator[tuple[ast.AST, Change]]:
        if isinstance(node, ast.Return | ast.Assign | ast.AnnAssign | ast.keyword) and node.value:
            yield node, (node.value, value)
        elif isinstance(node, ast.For | ast.comprehension):
            yield node.iter, (node.iter, value)

    return gives


OPERATORS: dict[str, Operator] = {
    "never": never,
    "always": always,
    "opposite": opposite,
    "without": without,
    "without first": without_first,
    "without last": without_last,
    "skip": skip,
    "uncaught": uncaught,
    "unwrapped": unwrapped,
    "boundary": boundary,
    "one more": one_more,
    "one less": one_less,
    "last": last,
    "later": later,
    "default": default,
    "reraise": reraise,
    "first alone": first_alone,
    "not the first": not_the_first,
}
_DEFAULTS: list[tuple[type[ast.AST], str]] = [
    (ast.If, "never"),
    (ast.While, "never"),
    (ast.For, "gives []"),
    (ast.ExceptHandler, "uncaught"),
    (ast.Expr, "skip"),
    (ast.AugAssign, "skip"),
    (ast.Raise, "skip"),
]


def mutate(source: str, tag: Tag) -> Mutant:
    """The module with the place of a tag broken.

    Raises:
        ValueError: the line holds no such place, or more than one; a person has to see to it.
    """
    tree = _tree(source)
    if change := by_hand.MUTANTS.get(tag.rule):
        was, becomes = _by_hand(tree, tag, change)
    else:
        was, becomes = _by_operator(tree, tag)
    text = ast.unparse(ast.fix_missing_locations(becomes))
    return Mutant(tag, _spliced(source, was, text), ast.unparse(was), text)


@lru_cache(maxsize=2)
def _tree(source: str) -> ast.AST:
    return ast.parse(source)  # no operator changes it: what becomes of a node is another one


def _by_hand(tree: ast.AST, tag: Tag, change: Callable[[ast.AST], ast.AST | None]) -> Change:
    there = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and node.lineno == tag.line]
    if len(there) != 1:
        raise ValueError(f"{tag}: {tag.rule} is broken by hand, and its line begins no statement")
    mine = copy.deepcopy(there[0])
    return there[0], change(mine) or mine


def _by_operator(tree: ast.AST, tag: Tag) -> Change:
    how = tag.how or _default(tree, tag.line)
    operator = _gives(how.removeprefix("gives ")) if how.startswith("gives ") else OPERATORS.get(how)
    if operator is None:
        raise ValueError(f"{tag}: {how!r} is no way to break {tag.rule}; there are {', '.join(OPERATORS)}, gives ...")
    found = [each for node in ast.walk(tree) for each in operator(node) if getattr(each[0], "lineno", 0) == tag.line]
    whole = [each for each in found if getattr(each[0], "end_lineno", 0) == tag.line]
    outer = _outermost(whole or found)
    if len(outer) != 1:
        raise ValueError(f"{tag}: {len(outer)} places for {how!r} ({tag.rule}); the tag belongs on a line that has one")
    return outer[0][1]


def _default(tree: ast.AST, line: int) -> str:
    there = [node for node in ast.walk(tree) if getattr(node, "lineno", 0) == line]
    for kind, how in _DEFAULTS:
        if any(isinstance(node, kind) for node in there):
            return how
    return "without"


def _outermost(found: list[tuple[ast.AST, Change]]) -> list[tuple[ast.AST, Change]]:
    inner = {id(node) for place, _ in found for node in ast.walk(place) if node is not place}
    return [each for each in found if id(each[0]) not in inner]


def _spliced(source: str, node: ast.AST, text: str) -> str:
    """The source with the node's own piece of it replaced, and all else as it was."""
    assert isinstance(node, ast.expr | ast.stmt)
    assert node.end_lineno is not None and node.end_col_offset is not None
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    first, last = node.lineno - 1, node.end_lineno - 1
    piece = f"({text})" if isinstance(node, ast.expr) else textwrap.indent(text, " " * node.col_offset).lstrip()
    if lines[first][node.col_offset :].startswith(b"elif"):
        piece = f"el{piece}"
    joined = lines[first][: node.col_offset] + piece.encode() + lines[last][node.end_col_offset :]
    return b"".join([*lines[:first], joined, *lines[last + 1 :]]).decode()
