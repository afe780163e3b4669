"""Run both scenarios of the report on an unpatched and a patched release, and judge which runs survive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from rich.console import Console

from harness.commands._trials import EXIT_CODES, REPORTED, run_trials
from harness.runs.ask import RunAsk, ScenarioNames, SubjectNames
from harness.trials.scenario import load_scenarios
from harness.words.options import Usual

DESCRIPTION = "Stages each scenario on real Prefect, runs the real `prefect deploy`, judges which runs survive."
EPILOG = EXIT_CODES


def _usual_scenarios() -> str:
    return " and ".join(name for name, one in load_scenarios().items() if one.in_reproduce)


@dataclass(frozen=True, kw_only=True)
class Ask(RunAsk):
    """The options of every run."""

    subjects: SubjectNames = REPORTED
    scenarios: Annotated[ScenarioNames, Usual(_usual_scenarios)] = ()


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    return run_trials(ask, console)
