"""The environment of a nox session, prepared under a lock: two runs at once in one checkout share their environments.

nox makes a session's environment before it calls the session, where it offers no place for a lock. So the noxfile asks
nox for none (`default_venv_backend`), and each session prepares its own here. What makes no environment, such as
`nox -l`, takes no lock. A module beside noxfile.py, because the harness is not installed yet when it is needed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from filelock import FileLock, Timeout

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    import nox

ROOT = Path(__file__).resolve().parent
_LONGEST = 1800.0  # seconds that another run may take to install; on a slow line the packages take minutes


class Environment:
    """A session's environment: `folder` holds it, `bin` its programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / ("Scripts" if os.name == "nt" else "bin")

    def program(self, name: str) -> str:
        """The path of one of its programs."""
        return str(self.bin / name)


def prepare(session: nox.Session, *groups: str, root: Path = ROOT) -> Environment:
    """An environment with the project and these dependency groups; it is made, or installed into, only if it has to be.

    It is made anew for another Python, and installed into for another pyproject.toml. HARNESS_EXTRAS names extras of
    the project to go with it, separated by commas. Raises: TimeoutError; what `session.run` raises.
    """
    environment = Environment(root / ".nox" / session.name)
    extras = os.environ.get("HARNESS_EXTRAS", "")
    python = f"{sys.version} {sys.base_prefix}".replace("\n", " ")
    project = hashlib.sha256((root / "pyproject.toml").read_bytes()).hexdigest() + f" {root} {extras}"
    stamp = environment.folder / "installed-for"
    with _one_at_a_time(session, root):
        stamped = stamp.read_text(encoding="utf-8").splitlines() if stamp.exists() else []
        if stamped[:1] != [python] or not Path(environment.program("python")).exists():
            _make(session, environment)
            stamped = []
        if stamped != [python, project]:
            packages = ["-e", f"{root}[{extras}]" if extras else str(root)]
            packages += [requirement for group in groups for requirement in _group(root, group)]
            _install(session, environment, packages)
            stamp.write_text(f"{python}\n{project}", encoding="utf-8")
    session.env["PATH"] = f"{environment.bin}{os.pathsep}{os.environ.get('PATH', '')}"
    session.env["VIRTUAL_ENV"] = str(environment.folder)
    return environment


def become(session: nox.Session, *command: str) -> NoReturn:
    """Replace nox with the command: nox would turn its exit code 125 into 1, and give it half a second on Ctrl-C."""
    try:
        environment = prepare(session)
    except Exception as error:
        session.log(f"no environment: {error}")
        sys.exit(125)  # nox's own 1 would read as "a trial contradicts what is known"
    program = environment.program(command[0])
    os.execv(program, [program, *command[1:], *session.posargs])  # noqa: S606 - our own command


@contextmanager
def _one_at_a_time(session: nox.Session, root: Path) -> Iterator[None]:
    """While this is open, no other run prepares an environment of this checkout. Raises: TimeoutError."""
    (root / ".nox").mkdir(exist_ok=True)
    lock = FileLock(root / ".nox" / "preparing.lock-file")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        session.log("another run prepares its environment; waiting until it is done")
        try:
            lock.acquire(timeout=_LONGEST)
        except Timeout:
            raise TimeoutError(f"another run has held {lock.lock_file} for {_LONGEST:.0f} s; end it") from None
    try:
        yield
    finally:
        lock.release()


def _make(session: nox.Session, environment: Environment) -> None:
    shutil.rmtree(environment.folder, ignore_errors=True)
    uv = _uv()
    make = (
        [uv, "venv", "--quiet", "--python", sys.executable] if uv else [sys.executable, "-m", "virtualenv", "--quiet"]
    )
    session.run(*make, str(environment.folder), silent=True, external=True)


def _install(session: nox.Session, environment: Environment, packages: list[str]) -> None:
    uv, python = _uv(), environment.program("python")
    install = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    session.run(*install, *packages, silent=True, external=True)


def _uv() -> str | None:
    """uv, which is faster, where it stands beside nox or on PATH."""
    return shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


def _group(root: Path, name: str) -> list[str]:
    groups = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return [str(requirement) for requirement in groups[name]]
