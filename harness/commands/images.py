"""Build what a run would need, and run nothing."""

from __future__ import annotations

import argparse

from rich.console import Console

from harness.commands._options import add_engine, add_subjects
from harness.commands.reproduce import SUBJECTS
from harness.engines.choose import choose_engine
from harness.runs.run import resolve_subjects
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_UNJUDGED
from harness.words.errors import LabError


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    add_subjects(parser, SUBJECTS)
    add_engine(parser)


def run(options: argparse.Namespace, console: Console) -> int:
    """Carry it out."""
    engine, why = choose_engine(options.engine)
    console.print(f"engine: {why}")
    resolved = resolve_subjects(list(dict.fromkeys(options.subject or SUBJECTS)), engine)
    failed = False
    for asked, release in resolved.items():
        try:
            if isinstance(release, LabError):
                raise release
            for part in (release, *release.roles.values()):
                console.print(f"{part.asked}: {engine.build(part, console.print)}", soft_wrap=True)
        except LabError as error:
            failed = True
            console.print(f"{asked}: {error.reason}\n{error.log[-600:]}", soft_wrap=True)
    return EXIT_UNJUDGED if failed else EXIT_AS_EXPECTED
