"""Run every scenario through the doors that make sense for it, on a release of each era."""

from __future__ import annotations

import argparse

from harness.commands._trials import EXIT_CODES, add_trials, run_trials

DESCRIPTION = "Stages each scenario once a release, opens each door on a deployment of its own, and judges."
EPILOG = EXIT_CODES
# One release for each form of the deletion.
SUBJECTS = ("2.20.20", "3.0.8", "3.3.3", "3.3.4", "latest")

run = run_trials


def add(parser: argparse.ArgumentParser) -> None:
    """The options of every run."""
    add_trials(parser, SUBJECTS, scenarios="all", doors="those that each scenario names")
