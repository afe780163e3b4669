"""Judge a saved run again, from its histories alone, and say whether its verdicts hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console

from harness.runs.recheck import opened, recheck
from harness.runs.recheck_campaign import recheck_campaign
from harness.store.campaigns import is_campaign
from harness.store.results import harness_commit, harness_words
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_CONTRADICTED, EXIT_UNJUDGED
from harness.words.options import Argument

DESCRIPTION = "A second look at a results folder or a bundle; needs no engine and no network."
EPILOG = (
    "exit codes: 0 every verdict holds, on files that nobody changed; 1 one does not, or a file was "
    "changed; 2 this is no run; 125 it holds no verdict at all"
)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    folder: Annotated[Path, Argument("RUN", "a results folder, or a bundle of one")]


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    with opened(ask.folder) as folder:
        if is_campaign(folder):
            return _campaign(folder, console)
    look = recheck(ask.folder)
    now = harness_words(harness_commit())
    console.print(f"harness then: {', '.join(look.harness)}; now: {now}", soft_wrap=True)
    for objection in look.objections:
        console.print(f"(!) {objection}", soft_wrap=True)
    held = [trial.saved.outcome for trial in look.trials if not trial.differences]
    outcomes = ", ".join(f"{number} {outcome}" for outcome, number in Counter(held).most_common())
    console.print(f"{len(held)} of {len(look.trials)} verdicts hold" + (f": {outcomes}" if held else ""))
    if not look.holds:
        return EXIT_CONTRADICTED
    return EXIT_AS_EXPECTED if look.trials else EXIT_UNJUDGED


def _campaign(folder: Path, console: Console) -> int:
    look = recheck_campaign(folder)
    console.print(f"harness then: {look.harness}; now: {harness_words(harness_commit())}", soft_wrap=True)
    for objection in look.objections:
        console.print(f"(!) {objection}", soft_wrap=True)
    console.print(f"{look.held} of {look.plans} plans came to the same")
    if look.objections:
        return EXIT_CONTRADICTED
    return EXIT_AS_EXPECTED if look.plans else EXIT_UNJUDGED
