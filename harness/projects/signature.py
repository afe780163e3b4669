"""The name and the parameters of a flow, from its source as Python syntax; the source is not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from harness.words.errors import UsageError


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of a flow; `default` is None where the source has none, or one that only running it would tell."""

    name: str
    default: Any = None


class Signature(msgspec.Struct, frozen=True):
    """A flow's name, as Prefect would call it, and its parameters in order."""

    flow: str
    parameters: Sequence[Parameter]


def read_signature(source: str, function: str, where: str) -> Signature:
    """The signature of the flow that this function is. Raises: UsageError where the source declares no such flow."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not Python that can be read: {error}") from None
    for name, node in _functions(tree, ""):
        if name == function:
            return Signature(_flow_name(node), list(_parameters(node, is_method="." in name)))
    raise UsageError(f"{where} declares no function {function!r}. Its deployment cannot be rehearsed.")


def _functions(node: ast.AST, within: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Each function of a module and of its classes, by the name that an entrypoint gives it."""
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield within + each.name, each
        elif isinstance(each, ast.ClassDef):
            yield from _functions(each, f"{within}{each.name}.")
        elif isinstance(each, ast.If | ast.Try):
            yield from _functions(each, within)


def _flow_name(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """What `@flow(name="…")` says; without it the function's name with - for _, as Prefect calls it."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call):
            for keyword in decorator.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return node.name.replace("_", "-")


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, *, is_method: bool) -> Iterator[Parameter]:
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [*[None] * (len(named) - len(arguments.defaults)), *arguments.defaults]
    pairs = [*zip(named, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    for number, (argument, default) in enumerate(pairs):
        if is_method and number == 0 and argument.arg in ("self", "cls"):
            continue
        yield Parameter(argument.arg, _literal(default))


def _literal(value: ast.expr | None) -> Any:
    """A default that JSON can hold; None for any other."""
    if value is None:
        return None
    try:
        found = ast.literal_eval(value)
        msgspec.json.encode(found)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, msgspec.MsgspecError):
        return None
    return msgspec.to_builtins(found)
