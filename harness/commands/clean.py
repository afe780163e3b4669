"""Take away what dead runs left; nothing of a run that is alive."""

from __future__ import annotations

import argparse

from rich.console import Console

from harness.engines.sweep import of_the_dead, remove_images_and_caches, sweep
from harness.verdict.outcomes import EXIT_AS_EXPECTED


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--all", action="store_true", help="also this project's images and its cache")


def run(options: argparse.Namespace, console: Console) -> int:
    """Carry it out."""
    swept = str(sweep(of_the_dead))
    if options.all:
        swept = ", ".join(filter(None, (swept, str(remove_images_and_caches()))))
    console.print(f"swept: {swept or 'nothing was left'}")
    return EXIT_AS_EXPECTED
