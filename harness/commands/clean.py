"""Remove what dead runs left behind, and nothing of a run that is alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from rich.console import Console

from harness.engines.sweep import of_the_dead, remove_images_and_caches, sweep
from harness.verdict.outcomes import EXIT_AS_EXPECTED
from harness.words.options import Option


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    all: Annotated[bool, Option("also this project's images and its cache")] = False


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    swept = str(sweep(of_the_dead))
    if ask.all:
        swept = ", ".join(filter(None, (swept, str(remove_images_and_caches()))))
    console.print(f"swept: {swept or 'nothing was left'}")
    return EXIT_AS_EXPECTED
