"""Make one archive of a run: all of its text, secrets masked, this machine's paths taken out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console

from harness.runs.recheck import recheck
from harness.runs.recheck_campaign import recheck_campaign
from harness.store.bundle import SUFFIX, bundle
from harness.store.campaigns import is_campaign
from harness.verdict.outcomes import EXIT_AS_EXPECTED
from harness.words.errors import UsageError
from harness.words.options import Argument, Option, Usual

DESCRIPTION = "One archive of a run for somebody who was not there; `harness recheck` reads it as it is."


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    folder: Annotated[Path, Argument("RUN", "a results folder, such as results/latest")]
    into: Annotated[
        Path | None, Option("the archive", metavar="FILE"), Usual(f"the run's name with {SUFFIX}, here")
    ] = None


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    into = ask.into or Path(f"{ask.folder.resolve().name}{SUFFIX}")
    look = recheck_campaign(ask.folder) if is_campaign(ask.folder) else recheck(ask.folder)
    if objections := look.objections:  # rule: bundle-needs-a-sound-run
        raise UsageError(
            f"It is not bundled, since it does not hold: {objections[0]:.300}\n`harness recheck` says all."
        )
    left_out = bundle(ask.folder, into)
    for name in left_out:
        console.print(f"left out, since it is no text: {name}", soft_wrap=True)
    console.print(f"bundle: {into} ({into.stat().st_size / 2**20:.1f} MB)", soft_wrap=True)
    return EXIT_AS_EXPECTED
