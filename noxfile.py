"""The front door. A session prepares its environment and hands over to the command `harness`, or to a checker."""

from __future__ import annotations

import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).resolve().parent))  # nox does not look beside its noxfile
from nox_environment import become, prepare

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "none"  # each session prepares its own, under a lock (nox_environment.py)
nox.options.sessions = ["lint", "typecheck", "tests"]


@nox.session
def reproduce(session: nox.Session) -> None:
    """Stage the failures on real Prefect, deploy, and judge which runs survive (-- --help lists the options)."""
    become(session, "harness", "reproduce")


@nox.session
def matrix(session: nox.Session) -> None:
    """Try every state through every door that makes sense, on a release of each era (-- --help lists the options)."""
    become(session, "harness", "matrix")


@nox.session
def gate(session: nox.Session) -> None:
    """Expect a Prefect to survive every scenario, whatever is known of it: for CI (-- --help lists the options)."""
    become(session, "harness", "gate")


@nox.session
def rehearse(session: nox.Session) -> None:
    """Say what the next deploy of your own project would do to its backlog (-- --project DIR --subject 3.3.3)."""
    become(session, "harness", "rehearse")


@nox.session
def bisect(session: nox.Session) -> None:
    """Find the release in which a scenario's outcome changed (-- --scenario NAME)."""
    become(session, "harness", "bisect")


@nox.session
def atlas(session: nox.Session) -> None:
    """Try every state on every release of a range and write docs/atlas.md (-- --newest-of-minor for one of each)."""
    become(session, "harness", "atlas")


@nox.session
def experiment(session: nox.Session) -> None:
    """Measure whether a practice protects the runs at risk (-- pause-update-resume)."""
    become(session, "harness", "experiment")


@nox.session
def fix(session: nox.Session) -> None:
    """Write a fix of a finding as a diff and a test that fails without it (-- fix-pause)."""
    become(session, "harness", "fix")


@nox.session
def power(session: nox.Session) -> None:
    """Put known faults into a Prefect release, and say which the harness finds (-- --subject 3.9.1)."""
    become(session, "harness", "power")


@nox.session
def chaos(session: nox.Session) -> None:
    """Carry out plans drawn from a seed, and say which promises they broke (-- --seed 7 --plans 3 --subject 3.9.1)."""
    become(session, "harness", "chaos")


@nox.session
def cells(session: nox.Session) -> None:
    """Print the matrix of a GitHub workflow that runs a gate."""
    become(session, "harness", "cells")


@nox.session
def merge(session: nox.Session) -> None:
    """Join the results folders of several machines (-- --into FOLDER RESULTS...)."""
    become(session, "harness", "merge")


@nox.session
def lab(session: nox.Session) -> None:
    """Build a scene and leave it standing, with Prefect's own UI (-- --subject 3.3.3 --scenario worker-outage)."""
    become(session, "harness", "lab")


@nox.session
def bundle(session: nox.Session) -> None:
    """Make one archive of a run, secrets masked (-- results/latest)."""
    become(session, "harness", "bundle")


@nox.session
def recheck(session: nox.Session) -> None:
    """Judge a saved run or a bundle again, from its histories alone (-- results/latest)."""
    become(session, "harness", "recheck")


@nox.session
def images(session: nox.Session) -> None:
    """Build what a run would need, and run nothing."""
    become(session, "harness", "images")


@nox.session
def clean(session: nox.Session) -> None:
    """Remove what dead runs left behind (-- --all: images and caches too)."""
    become(session, "harness", "clean")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, real Prefect included (about ten minutes; -- -m "not end_to_end" leaves that out)."""
    environment = prepare(session, "tests")
    # Tests that run labs go to a worker by file (tests/conftest.py), and there are never more than three labs at once.
    session.run(environment.program("pytest"), "-n", "2", "--dist", "loadscope", *session.posargs)


@nox.session
def benchmark(session: nox.Session) -> None:
    """Time the reporter's steps of #17764, with Prefect's defaults, beside `nox -s reproduce` (about ten minutes)."""
    become(session, "python", "benchmarks/steps_of_the_report.py")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting (ruff), and that each room imports only what it may (import-linter)."""
    environment = prepare(session, "lint")
    session.run(environment.program("ruff"), "check", ".")
    session.run(environment.program("ruff"), "format", "--check", ".")
    session.run(environment.program("lint-imports"), "--no-cache")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check the types (mypy, strict)."""
    environment = prepare(session, "tests", "typecheck")
    session.run(environment.program("mypy"))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation site into site/; a link that leads nowhere is an error."""
    environment = prepare(session, "docs")
    session.run(environment.program("python"), "docs/build_site.py")
