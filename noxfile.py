"""The front door. A session prepares its environment and hands over to the command `harness`, or to a checker."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import NoReturn

import nox
import nox.command
from filelock import FileLock

ROOT = Path(__file__).resolve().parent
nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True  # a gate that was skipped is no gate that was passed
nox.options.sessions = ["lint", "typecheck", "tests"]

# Two runs at once in one checkout share these environments: making one is for one run at a time. The lock is taken
# before nox makes an environment, and let go once the session has installed (or when the process ends).
(ROOT / ".nox").mkdir(exist_ok=True)
_preparing = FileLock(ROOT / ".nox" / "preparing.lock-file")
_preparing.acquire()


def _install(session: nox.Session, *groups: str) -> None:
    """Install the project and these dependency groups, unless this very pyproject.toml is installed already.

    HARNESS_EXTRAS names extras of the project to go with it, separated by commas.
    """
    stamp = Path(session.virtualenv.location) / "installed-for"
    extras = os.environ.get("HARNESS_EXTRAS", "")
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest() + f" {ROOT} {extras}".rstrip()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        project = f".[{extras}]" if extras else "."
        session.install("-e", project, *(requirement for group in groups for requirement in _group(group)), silent=True)
        stamp.write_text(wanted, encoding="utf-8")
    _preparing.release()


def _group(name: str) -> list[str]:
    return [str(entry) for entry in nox.project.load_toml(ROOT / "pyproject.toml")["dependency-groups"][name]]


def _become(session: nox.Session, *command: str) -> NoReturn:
    """Replace nox with the command: nox would turn its exit code 125 into 1, and give it half a second on Ctrl-C."""
    try:
        _install(session)
    except nox.command.CommandFailed:
        sys.exit(125)  # nox's own 1 would read as "a trial contradicts what is known"
    program = Path(session.virtualenv.bin) / command[0]
    os.execv(program, [str(program), *command[1:], *session.posargs])  # noqa: S606 - our own command


@nox.session
def reproduce(session: nox.Session) -> None:
    """Stage the failures on real Prefect, deploy, and judge which runs survive (-- --help lists the options)."""
    _become(session, "harness", "reproduce")


@nox.session
def matrix(session: nox.Session) -> None:
    """Try every state through every door that makes sense, on a release of each era (-- --help lists the options)."""
    _become(session, "harness", "matrix")


@nox.session
def gate(session: nox.Session) -> None:
    """Hold a Prefect to `survived`, whatever is known of it: for CI (-- --help lists the options)."""
    _become(session, "harness", "gate")


@nox.session
def bisect(session: nox.Session) -> None:
    """Find the release in which a scenario's outcome changed (-- --scenario NAME)."""
    _become(session, "harness", "bisect")


@nox.session
def atlas(session: nox.Session) -> None:
    """Try every state on every release of a range and write docs/atlas.md (-- --newest-of-minor for one of each)."""
    _become(session, "harness", "atlas")


@nox.session
def power(session: nox.Session) -> None:
    """Make faults of Prefect's on purpose, and say which the harness finds (-- --subject 3.9.1)."""
    _become(session, "harness", "power")


@nox.session
def cells(session: nox.Session) -> None:
    """Print what a gate would run as the matrix of a GitHub workflow."""
    _become(session, "harness", "cells")


@nox.session
def merge(session: nox.Session) -> None:
    """Join the results folders of several machines (-- --into FOLDER RESULTS...)."""
    _become(session, "harness", "merge")


@nox.session
def lab(session: nox.Session) -> None:
    """Build a scene and leave it standing, with Prefect's own UI (-- --subject 3.3.3 --scenario worker-outage)."""
    _become(session, "harness", "lab")


@nox.session
def bundle(session: nox.Session) -> None:
    """Make one archive of a run, secrets masked (-- results/latest)."""
    _become(session, "harness", "bundle")


@nox.session
def recheck(session: nox.Session) -> None:
    """Judge a saved run or a bundle again, from its histories alone (-- results/latest)."""
    _become(session, "harness", "recheck")


@nox.session
def images(session: nox.Session) -> None:
    """Build what a run would need, and run nothing."""
    _become(session, "harness", "images")


@nox.session
def clean(session: nox.Session) -> None:
    """Take away what dead runs left (-- --all: images and caches too)."""
    _become(session, "harness", "clean")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, real Prefect included (about ten minutes; -- -m "not end_to_end" leaves that out)."""
    _install(session, "tests")
    # Tests that run labs go to a worker by file (tests/conftest.py), and there are never more than three labs at once.
    session.run("pytest", "-n", "2", "--dist", "loadscope", *session.posargs)


@nox.session
def benchmark(session: nox.Session) -> None:
    """Time the reporter's steps of #17764, with Prefect's defaults, beside `nox -s reproduce` (about ten minutes)."""
    _become(session, "python", "benchmarks/steps_of_the_report.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting (ruff), and that each room imports only what it may (import-linter)."""
    _install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check the types (mypy, strict)."""
    _install(session, "tests", "typecheck")
    session.run("mypy")
