"""What hurts a system, and how that is lifted: one file a fault, which declares it as `fault`. A new file is a new one.

Files whose names begin with `_` are what faults have in common.
"""

from __future__ import annotations

import functools

from harness.faults._fault import Fault, System
from harness.words.errors import no_such
from harness.words.rooms import modules_of

__all__ = ["Fault", "System", "fault_named", "load_faults"]


@functools.cache
def load_faults() -> dict[str, Fault]:
    """Every fault by its name, in alphabetical order; read once a process."""
    found = {}
    for module, loaded in modules_of(__name__, __path__):
        name = module.replace("_", "-")
        found[name] = loaded.fault.told(name, str(loaded.__doc__ or ""))
    return dict(sorted(found.items()))


def fault_named(name: str) -> Fault:
    """The fault of this name. Raises: UsageError where there is none."""
    faults = load_faults()
    if name not in faults:
        raise no_such("fault", name, faults)
    return faults[name]
