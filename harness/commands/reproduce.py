"""Run both scenarios of the report on an unpatched and a patched release, and judge which runs survive."""

from __future__ import annotations

import argparse

from harness.commands._trials import EXIT_CODES, add_trials, run_trials, usual_doors
from harness.trials.scenario import load_scenarios

DESCRIPTION = "Stages each scenario on real Prefect, runs the real `prefect deploy`, judges which runs survive."
EPILOG = EXIT_CODES
SUBJECTS = ("3.3.3", "3.3.4")

run = run_trials


def add(parser: argparse.ArgumentParser) -> None:
    """The options of every run."""
    both = " and ".join(name for name, one in load_scenarios().items() if one.in_reproduce)
    add_trials(parser, SUBJECTS, scenarios=both, doors=usual_doors())
