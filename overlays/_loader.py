"""The subject's `sitecustomize`: changes its modules by the overlays that lie beside it, as each is imported.

It is found by PYTHONPATH, which nothing but the engine sets. `overlays.json` beside it names the overlays.
"""

import importlib.machinery
import importlib.util
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = "survival_overlays"


class _Patching(importlib.machinery.SourceFileLoader):
    """Loads a module as ever, and has the overlays of it change it then."""

    overlays = ()

    def exec_module(self, module):
        super().exec_module(module)
        for name in self.overlays:
            try:
                importlib.import_module(f"{PACKAGE}.{name}").patch(module)
            except (AttributeError, ImportError, TypeError) as error:
                # Not by an exception, which an importer might catch: it must not run without its overlay.
                print(f"the overlay {name} does not fit this Prefect: {error}", file=sys.stderr, flush=True)
                os._exit(70)


class _Finder:
    """Finds the modules that overlays change where Python would, and loads them by the loader above."""

    def __init__(self, wanted):
        self._wanted = wanted

    def find_spec(self, name, path=None, target=None):
        if name not in self._wanted:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _Patching(spec.loader.name, spec.loader.path)
            spec.loader.overlays = self._wanted[name]
        return spec


sys.meta_path.insert(0, _Finder(json.loads((HERE / "overlays.json").read_text())))
