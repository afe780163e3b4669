"""Mutants that no operator makes: each changes the statement that its rule's tag stands at, by its shape alone."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)
ByHand = Callable[[ast.AST], ast.AST | None]
MUTANTS: dict[str, ByHand] = {}


def breaks(rule: str) -> Callable[[ByHand], ByHand]:
    """The function gets a copy of the tagged statement; it changes it, or returns another."""

    def keep(change: ByHand) -> ByHand:
        MUTANTS[rule] = change
        return change

    return keep


def _first(kind: type[Node], statement: ast.AST) -> Node:
    return next(node for node in ast.walk(statement) if isinstance(node, kind))


@breaks("automation-by-its-action")
def _is_not_waited_for(_raises: ast.AST) -> ast.AST:
    return ast.Return(ast.Constant(""))


@breaks("automation-asked-again")
def _is_asked_once(statement: ast.AST) -> None:
    compared = _first(ast.Compare, statement)
    compared.left = _first(ast.BinOp, compared.left).left


@breaks("error-effect-stays")
def _whatever_has_to_stay(statement: ast.AST) -> None:
    returned = _first(ast.Return, statement)
    compared = _first(ast.Compare, returned)
    returned.value = ast.BoolOp(ast.Or(), [compared, compared.comparators[0]])


@breaks("serve-stop-by-patch")
def _is_proven_by_its_effect_alone(statement: ast.AST) -> None:
    made = _first(ast.Call, statement)
    proof = next(each for each in made.args if isinstance(each, ast.Call))
    proof.args = []


@breaks("tree-stays-as-it-was")
def _is_built_in_its_place(statement: ast.AST) -> ast.AST:
    tree, copied, *_ = _first(ast.Call, statement).args
    return ast.Expr(ast.Call(ast.Attribute(copied, "symlink_to", ast.Load()), [tree], []))


@breaks("changed-tree-is-another")
def _is_told_by_names_alone(statement: ast.AST) -> None:
    told = _first(ast.Tuple, statement)
    told.elts = told.elts[:1]
