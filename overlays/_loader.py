"""The subject's `sitecustomize`: changes its modules by the overlays that lie beside it, as each is imported.

It is found by PYTHONPATH, which nothing but the engine sets. `overlays.json` beside it names, by module, the overlays
that patch it, those that rewrite its syntax tree, and those that edit its source.
"""

import ast
import importlib.machinery
import importlib.util
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = "survival_overlays"


class _Patching(importlib.machinery.SourceFileLoader):
    """Loads a module as ever, but has overlays change its source before, and patch it after."""

    patching = rewriting = editing = ()

    def get_code(self, name):
        if not self.rewriting and not self.editing:
            return super().get_code(name)
        source = importlib.util.decode_source(self.get_data(self.path))  # never what Python has compiled and kept
        for overlay in self.editing:
            source = _ask(overlay, "edit", name, source)
        tree = ast.parse(source, self.path)
        for overlay in self.rewriting:
            tree = _ask(overlay, "rewrite", name, tree)
        return compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)

    def exec_module(self, module):
        super().exec_module(module)
        for overlay in self.patching:
            _ask(overlay, "patch", module)


def _ask(overlay, function, *arguments):
    try:
        return getattr(importlib.import_module(f"{PACKAGE}.{overlay}"), function)(*arguments)
    except (AttributeError, ImportError, TypeError) as error:
        # Not by an exception, which an importer might catch: it must not run without its overlay.
        print(f"the overlay {overlay} does not fit this Prefect: {error}", file=sys.stderr, flush=True)
        os._exit(70)


class _Finder:
    """Finds the modules that overlays change where Python would, and loads them by the loader above."""

    def __init__(self, **overlays):  # by what they do and by module
        self._overlays = overlays

    def find_spec(self, name, path=None, target=None):
        if not any(name in by_module for by_module in self._overlays.values()):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _Patching(spec.loader.name, spec.loader.path)
            for does, by_module in self._overlays.items():
                setattr(spec.loader, does, by_module.get(name, ()))
        return spec


sys.meta_path.insert(0, _Finder(**json.loads((HERE / "overlays.json").read_text())))
