"""Hold a subject to `survived` in every scenario, whatever is known of it: for CI."""

from __future__ import annotations

import argparse

from harness.commands._trials import HELD, add_trials, run_trials, usual_doors

DESCRIPTION = "Holds every scenario to `survived` through its deploy, whatever is known of the release."
EPILOG = HELD
SUBJECTS = ("latest",)

run = run_trials


def add(parser: argparse.ArgumentParser) -> None:
    """The options of every run."""
    add_trials(parser, SUBJECTS, scenarios="all", doors=usual_doors())
