"""How a saved entry of results.json differs from what its history comes to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from harness.words.plan import Cell

OF_THE_COPY = {"folder", "repetition", "control"}  # what `merge` gives anew
IN_WORDS = {"reason"}  # what a later harness may say in other words
_OF_SEVERAL = {"twin", "ticks"}
_BY_NAME, _OF_A_PROMISE = "promises", ("outcome", "expected", "as_expected", "reference")


def differences(
    was: dict[str, Any], again: dict[str, Any], cell: Cell | None, left_out: Collection[str], *, same: bool
) -> list[str]:
    """What an entry says otherwise than its history, judged again, does; a phrase each.

    `cell`: the plan that the history holds. `left_out`: the fields that are not compared. `same`: this very commit made
    the entry.
    """
    found = [
        (name, then, now)
        for (name, then), (_, now) in zip(_flat(was, again), _flat(again, again), strict=True)
        if then != now and name.rpartition(" ")[2] not in left_out  # rule: recheck-verdict (never)
    ]
    if _BY_NAME in again and cell:
        # rule: recheck-promises-of-another (gives {})
        expected = dict(cell.promises)
        found += _promises(was[_BY_NAME], again[_BY_NAME], expected, same=same)
    return [f"{name}: {then} then, {now} now" for name, then, now in found]


def _flat(entry: dict[str, Any], like: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What an entry says of each thing that `like` says something of, the twin's and the ticks' one by one."""
    for key, value in like.items():
        if key == _BY_NAME:
            continue
        if key not in _OF_SEVERAL or not isinstance(value, dict):
            yield key, entry.get(key)
            continue
        inner = entry.get(key)
        for name in value:
            said = inner.get(name) if isinstance(inner, dict) else None
            yield f"the {key}'{'' if key.endswith('s') else 's'} {name}", said


def _promises(
    was: dict[str, dict[str, Any]], again: dict[str, dict[str, Any]], expected: Mapping[str, object], *, same: bool
) -> list[tuple[str, Any, Any]]:
    """What differs of each promise: its name, what is said of it then and now.

    Another harness may watch over fewer promises, and say it in other words. Of one that it expected something of by
    its plan (`expected`) there has to be an entry, if this harness has one.
    """

    def said(of: dict[str, dict[str, Any]], name: str) -> Any:
        return of.get(name) if same or name not in of else {key: of[name][key] for key in _OF_A_PROMISE}

    names = {**was, **again} if same else {**was, **expected}  # rule: recheck-promises-unexpected (never)
    return [
        (f"the promise {name}", then, now)
        for name in names
        if (then := said(was, name)) != (now := said(again, name))  # rule: recheck-promises (never)
    ]
