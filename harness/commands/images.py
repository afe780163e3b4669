"""Build what a run would need, and run nothing."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

from harness.commands._trials import REPORTED
from harness.engines.choose import choose_engine
from harness.runs.ask import EngineName, SubjectNames
from harness.runs.building import resolve_subjects
from harness.verdict.outcomes import EXIT_AS_EXPECTED, EXIT_UNJUDGED
from harness.words.errors import LabError


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Its options."""

    subjects: SubjectNames = REPORTED
    engine: EngineName = None


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    engine, why = choose_engine(ask.engine)
    console.print(f"engine: {why}")
    resolved = resolve_subjects(list(dict.fromkeys(ask.subjects)), engine)
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
