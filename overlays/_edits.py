"""What fixes share: changes of a module's source by whole lines, so that what is tried can be shown as a diff.

A place is named by its text, one or more lines without indentation, and by the function or class around it
(`Class.method`; of the module itself `""`), in which it must stand once. New lines get the indentation of the place.
"""

import ast


def after(source, where, text, new):
    """The source with new lines behind the place."""
    lines, first, last = _found(source, where, text)
    return "".join([*lines[:last], *_like(lines[first], new), *lines[last:]])


def before(source, where, text, new):
    """The source with new lines in front of the place."""
    lines, first, _ = _found(source, where, text)
    return "".join([*lines[:first], *_like(lines[first], new), *lines[first:]])


def instead(source, where, text, new):
    """The source with new lines in the place's stead."""
    lines, first, last = _found(source, where, text)
    return "".join([*lines[:first], *_like(lines[first], new), *lines[last:]])


def without(source, where, text):
    """The source without the place."""
    return instead(source, where, text, "")


def ahead_of(source, name, new):
    """The source with a new function or class in front of one of the module's, and of its decorators."""
    node, lines = _node(ast.parse(source), name), source.splitlines(keepends=True)
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1
    return "".join([*lines[:first], new, "\n\n\n", *lines[first:]])


def _found(source, where, text):
    """The source's lines, and the place among them: the first one's index, and that behind the last one."""
    lines, wanted = source.splitlines(keepends=True), text.splitlines()
    node = _node(ast.parse(source), where) if where else None
    searched = range(node.lineno - 1, node.end_lineno) if node else range(len(lines))
    found = [at for at in searched if [line.strip() for line in lines[at : at + len(wanted)]] == wanted]
    if len(found) != 1:
        raise TypeError(f"{where or 'the module'} has {text!r} {len(found)} times")
    return lines, found[0], found[0] + len(wanted)


def _node(node, name):
    for part in name.split("."):
        named = [each for each in node.body if getattr(each, "name", "") == part]
        if len(named) != 1:
            raise TypeError(f"there is no {name}")
        (node,) = named
    return node


def _like(line, new):
    indentation = line[: len(line) - len(line.lstrip())]
    return [f"{indentation}{each}\n" if each else "\n" for each in new.splitlines()]
