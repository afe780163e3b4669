"""A person's own Prefect: a wheel, or a source tree as it stands, with uncommitted changes.

Its dependencies are resolved as of now, as if it were installed now.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import zipfile
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from harness.subjects.release import QUIET, Release, Target
from harness.subjects.uv_tool import UvError, uv
from harness.words import cache
from harness.words.errors import UsageError
from harness.words.scratch import scratch_folder

# What is not copied, since it is not source: at the root of the tree, and anywhere in it.
_NOT_COPIED = {".venv", "venv", ".nox", ".tox", "build", "dist"}
_NOWHERE_COPIED = {"node_modules", "__pycache__"}


def _path(asked: str) -> Path:
    """The path after the colon; `~` is a home. Raises UsageError for the home of a user who is not there."""
    path = asked.partition(":")[2]
    try:
        return Path(path or "?").expanduser().absolute()  # no path must not mean this folder
    except RuntimeError:
        raise UsageError(f"{asked!r} names the home of a user that this machine does not have.") from None


def check_wheel(asked: str) -> Path:
    """The wheel that `wheel:PATH` names. Raises UsageError if it is not a wheel of Prefect."""
    path = _path(asked)
    try:
        name = parse_wheel_filename(path.name)[0]
    except InvalidWheelFilename:
        raise UsageError(
            f"{str(path)!r} is not a wheel: its name is not like prefect-3.3.4-py3-none-any.whl."
        ) from None
    if name != "prefect":
        raise UsageError(f"{path.name} is a wheel of {name}, not of prefect.")
    if not path.is_file():
        raise UsageError(f"There is no wheel {str(path)!r}.")
    return path


def check_tree(asked: str) -> Path:
    """The source tree that `path:FOLDER` names. Raises UsageError if it is not a source tree."""
    path = _path(asked)
    if not any((path / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise UsageError(f"{str(path)!r} is not a source tree: it has neither pyproject.toml nor setup.py.")
    return path


def resolve_wheel(asked: str, target: Target) -> Release:
    """The wheel, with a lock of its dependencies. Raises UsageError, and UvError if they cannot be resolved."""
    return _resolved(asked, check_wheel(asked), target)


def resolve_tree(asked: str, target: Target) -> Release:
    """A wheel built from a copy of the source tree (the tree stays as it is), with a lock of its dependencies.

    Raises: UsageError if it is not a source tree or builds another package, UvError if it does not build.
    """
    tree = check_tree(asked)
    folder = scratch_folder(f"build-{secrets.token_hex(4)}")
    try:
        # rule: tree-stays-as-it-was
        shutil.copytree(tree, folder / "tree", symlinks=True, ignore=lambda at, names: _left_out(at, names, tree))
        uv(["build", "--wheel", "--out-dir", str(folder), str(folder / "tree")])
        (built,) = folder.glob("*.whl")
        check_wheel(f"wheel:{built}")
        kept = cache.folder("wheels") / _contents(built)
        kept.mkdir(exist_ok=True)
        wheel = Path(shutil.move(built, kept / built.name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _resolved(asked, wheel, target)


def _left_out(at: str, names: Iterable[str], tree: Path) -> set[str]:
    return set(names) & (_NOWHERE_COPIED | (_NOT_COPIED if Path(at) == tree else set()))


def _resolved(asked: str, wheel: Path, target: Target) -> Release:
    version = parse_wheel_filename(wheel.name)[1]
    if not any(version.release):  # rule: tree-of-version-0
        raise UvError(
            f"it builds as version {version}, which says nothing of what it can do; fetch the repository's tags first",
            source="build",
        )
    options = [*QUIET, "--generate-hashes", *target.arguments()]
    lock = uv(["pip", "compile", *options, "-"], stdin=f"prefect @ {wheel.as_uri()}")
    dependencies = re.sub(r"^prefect @ .*(\n    .*)*\n?", "", lock, flags=re.MULTILINE)
    head = f"# beside {wheel.name}, whose contents have the digest {_contents(wheel)}\n"
    as_of = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    return Release(asked, str(version), as_of, head + dependencies, wheel=wheel)


def _contents(wheel: Path) -> str:
    """A digest of what the wheel holds, without the times of its files: they alone differ between two builds."""
    with zipfile.ZipFile(wheel) as files:
        held = sorted((file.filename, file.CRC) for file in files.infolist())  # rule: changed-tree-is-another
    return hashlib.sha256(repr(held).encode()).hexdigest()
