"""What touches the treated deployment: one file a door, which declares it as `door`. A new file is a new door.

Files whose names begin with `_` are what doors have in common.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import replace

from harness.doors._door import DEPLOYED, SERVED, Door, Treated
from harness.words.errors import no_such

__all__ = ["DEPLOYED", "SERVED", "Door", "Treated", "load_doors", "select_doors"]


@functools.cache
def load_doors() -> dict[str, Door]:
    """Every door by its name, in alphabetical order; read once a process."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        name, said = module.name.replace("_", "-"), str(loaded.__doc__ or "").strip().splitlines()
        found[name] = replace(loaded.door, name=name, summary=said[0].rstrip(".") if said else name)
    return dict(sorted(found.items()))


def select_doors(names: Sequence[str]) -> list[Door]:
    """The doors named. Raises UsageError for a name that is not there."""
    doors = load_doors()
    for name in names:
        if name not in doors:
            raise no_such("door", name, doors)
    return [doors[name] for name in dict.fromkeys(names)]
