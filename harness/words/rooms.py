"""Open rooms: folders whose modules are found by listing them, so that a new file touches no other."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType


def modules_of(package: str, folders: Iterable[str]) -> Iterator[tuple[str, ModuleType]]:
    """Each module of a package that lies in these folders (its `__path__`), with its own name; imported, by name.

    Modules whose names begin with `_` are what the others have in common, and are left out.
    """
    for name in sorted(module.name for module in pkgutil.iter_modules(folders)):
        if not name.startswith("_"):
            yield name, importlib.import_module(f"{package}.{name}")


def first_line(of: ModuleType) -> str:
    """What a module says that it is: the first line of its docstring; empty if it has none."""
    return (of.__doc__ or "").strip().partition("\n")[0]


def module_at(path: Path, name: str) -> ModuleType:
    """The module in a file that is part of no package, imported anew. Raises: what the file raises."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader, f"{path} is a .py file"
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks itself up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module
