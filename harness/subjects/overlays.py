"""Small modules that are loaded into the Prefect under test: `3.9.1+delete-one-late-run`. They lie under overlays/.

They are read here and never imported, since they import Prefect and run inside the subject.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from harness.words import cache
from harness.words.errors import LabError, UsageError, no_such
from harness.words.places import ROOT

OVERLAYS = ROOT / "overlays"
FOLDER = "overlays"  # in an environment that has overlays
_LOADER = OVERLAYS / "_loader.py"
_PACKAGE = "survival_overlays"  # as the loader names it
_DECLARES = {"RELEASES", "MODULE", "REWRITES", "EDITS", "FOUND", "FIXES"}


@dataclass(frozen=True)
class Found:
    """How a mutant must be found: in a scenario, through these doors, as an outcome or as `ticks missing`."""

    scenario: str
    doors: Sequence[str]
    as_: str


@dataclass(frozen=True)
class Overlay:
    """One overlay, by its own declarations (overlays/README.md).

    found  of a mutant
    fixes  of a fix: by finding (a folder of docs/findings/), the options of `reproduce` that show it
    """

    name: str
    summary: str
    releases: str
    found: Found | None = None
    fixes: Mapping[str, str] = field(default_factory=dict)
    path: Path = field(default_factory=Path)


@functools.cache
def load_overlays(folder: Path = OVERLAYS) -> Mapping[str, Overlay]:
    """Every overlay in a folder, by name. Raises: LabError for one that lacks a declaration."""
    overlays = (_read(path) for path in sorted(folder.glob("[!_]*.py")))
    return {overlay.name: overlay for overlay in overlays}


def _read(path: Path) -> Overlay:
    code = ast.parse(path.read_text(encoding="utf-8"))
    declared = _declared(code)
    try:
        found = declared.get("FOUND")
        how = Found(found["scenario"], found["doors"], found["as"]) if found else None
        summary = (ast.get_docstring(code) or "").splitlines()[0]
        return Overlay(
            name=path.stem.replace("_", "-"),
            summary=summary,
            releases=declared["RELEASES"],
            found=how,
            fixes=declared.get("FIXES", {}),
            path=path,
        )
    except (KeyError, IndexError) as error:
        raise LabError(f"{path.name} is not an overlay: it lacks {error}", source="build") from error


def _declared(code: ast.Module) -> Mapping[str, Any]:
    """What a file of overlays declares."""
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in code.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in _DECLARES
    }


def split(asked: str) -> tuple[str, list[Overlay]]:
    """The subject of one role without its overlays, and the overlays. Raises: UsageError for an unknown overlay.

    In a path or a wheel's name, a plus begins an overlay only if an overlay has that name.
    """
    known = load_overlays()
    name, *words = asked.split("+")
    if ":" in name:
        words = []
        name = asked
        while name.rpartition("+")[2] in known and "+" in name:
            name, _, word = name.rpartition("+")
            words.insert(0, word)
    for word in words:
        if word not in known:
            raise no_such("overlay", word, known)
    return name, [known[word] for word in words]


def check_fit(overlays: Sequence[Overlay], version: str) -> None:
    """Raises: UsageError if an overlay is for other releases."""
    for overlay in overlays:
        if Version(Version(version).base_version) not in SpecifierSet(overlay.releases):  # rule: overlay-release
            raise UsageError(f"The overlay {overlay.name} is for Prefect {overlay.releases}, and this is {version}.")


def lay(names: Sequence[str], into: Path) -> None:
    """Put what the loader needs for these overlays into a new folder, for PYTHONPATH."""
    package = into / _PACKAGE
    package.mkdir(parents=True)
    for path in _sources(names):
        (package / path.name).write_bytes(path.read_bytes())
    (into / "sitecustomize.py").write_bytes(_LOADER.read_bytes())
    wanted: dict[str, dict[str, list[str]]] = {"patching": {}, "rewriting": {}, "editing": {}}
    for name in names:
        path = load_overlays()[name].path
        for how, modules in zip(wanted.values(), _modules(path), strict=True):
            for module in modules:
                how.setdefault(module, []).append(path.stem)
    (into / "overlays.json").write_text(json.dumps(wanted), encoding="utf-8")


def digest(names: Sequence[str]) -> str:
    """A digest of these overlays, as they are written now."""
    parts = [*names, *(path.read_text(encoding="utf-8") for path in (*_sources(names), _LOADER))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def lock_lines(names: Sequence[str]) -> str:
    """What a subject's lock says of its overlays."""
    sums = ((name, hashlib.sha256(load_overlays()[name].path.read_bytes()).hexdigest()) for name in names)
    return "".join(f"# overlay {name} --hash=sha256:{each}\n" for name, each in sums)


def overlaid(environment: Path, version: str, names: Sequence[str]) -> Path:
    """The environment with these overlays: a folder in the cache with links to the environment's parts."""
    recipe = f"{environment} {digest(names)}"
    key = f"{version}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"

    def build(path: Path) -> None:
        for part in ("venv", "home"):
            (path / part).symlink_to(environment / part)
        lay(names, path / FOLDER)

    return cache.built("overlaid", key, build)


def python_path(environment: Path) -> dict[str, str]:
    """The variables that a process needs for the overlays of its environment; empty if it has none."""
    folder = environment / FOLDER
    return {"PYTHONPATH": str(folder)} if folder.exists() else {}


def _sources(names: Sequence[str]) -> list[Path]:
    shared = sorted(set(OVERLAYS.glob("_*.py")) - {_LOADER})
    return [*shared, *(load_overlays()[name].path for name in names)]


def _modules(path: Path) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """The modules that an overlay patches (of a mutant: what overlays/_updates.py does), rewrites, and edits."""
    declared = _declared(ast.parse(path.read_text(encoding="utf-8")))
    changed = [*declared.get("REWRITES", ())], [*declared.get("EDITS", ())]
    if "MODULE" not in declared and changed == ([], []):
        declared = _declared(ast.parse((OVERLAYS / "_updates.py").read_text(encoding="utf-8")))
    module = declared.get("MODULE", ())
    return [module] if isinstance(module, str) else module, *changed
