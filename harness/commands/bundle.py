"""Make one archive of a run: all of its text, secrets masked, this machine's paths taken out."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from harness.runs.recheck import recheck
from harness.store.bundle import SUFFIX, bundle
from harness.verdict.outcomes import EXIT_AS_EXPECTED
from harness.words.errors import UsageError

DESCRIPTION = "One archive of a run for somebody who was not there; `harness recheck` reads it as it is."


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a results folder, such as results/latest")
    parser.add_argument("--into", type=Path, metavar="FILE", help=f"default: the run's name with {SUFFIX}, here")


def run(options: argparse.Namespace, console: Console) -> int:
    """Carry it out."""
    into = options.into or Path(f"{options.run.resolve().name}{SUFFIX}")
    if objections := recheck(options.run).objections:
        raise UsageError(
            f"It is not bundled, since it does not hold: {objections[0]:.300}\n`harness recheck` says all."
        )
    left_out = bundle(options.run, into)
    for name in left_out:
        console.print(f"left out, since it is no text: {name}", soft_wrap=True)
    console.print(f"bundle: {into} ({into.stat().st_size / 2**20:.1f} MB)", soft_wrap=True)
    return EXIT_AS_EXPECTED
