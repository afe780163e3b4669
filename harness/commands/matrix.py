"""Run every scenario through the doors that make sense for it, on a release of each era."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from rich.console import Console

from harness.commands._trials import EXIT_CODES, run_trials
from harness.runs.ask import DoorNames, RunAsk, SubjectNames
from harness.words.options import Usual

DESCRIPTION = "Stages each scenario once a release, opens each door on a deployment of its own, and judges."
EPILOG = EXIT_CODES


@dataclass(frozen=True, kw_only=True)
class Ask(RunAsk):
    """The options of every run."""

    command: ClassVar[str] = "matrix"

    subjects: SubjectNames = ("2.20.20", "3.0.8", "3.3.3", "3.3.4", "latest")  # one for each form of the deletion
    doors: Annotated[DoorNames, Usual("those that each scenario names")] = ()


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    return run_trials(ask, console)
