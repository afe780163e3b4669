"""What touches the treated deployment: one file a door, which declares it as `door`. A new file is a new door.

Files whose names begin with `_` are what doors have in common.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

from harness.doors._door import DEPLOYED, PROCESS, SERVED, WORKER, Door, Part, Treated
from harness.words.errors import no_such
from harness.words.rooms import first_line, modules_of

__all__ = ["DEPLOYED", "PROCESS", "SERVED", "WORKER", "Door", "Part", "Treated", "load_doors", "select_doors"]


@functools.cache
def load_doors() -> dict[str, Door]:
    """Every door by its name, in alphabetical order; read once a process."""
    found = {}
    for module, loaded in modules_of(__name__, __path__):
        name = module.replace("_", "-")
        found[name] = replace(loaded.door, name=name, summary=first_line(loaded).rstrip(".") or name)
    return dict(sorted(found.items()))


def select_doors(names: Sequence[str]) -> list[Door]:
    """The doors named. Raises UsageError for a name that is not there."""
    doors = load_doors()
    for name in names:
        if name not in doors:
            raise no_such("door", name, doors)
    return [doors[name] for name in dict.fromkeys(names)]
