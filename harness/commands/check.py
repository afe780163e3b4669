"""A gate of one question, as `git bisect run` asks it: does this source tree survive this scenario?"""

from __future__ import annotations

import argparse

from harness.commands._trials import HELD, add_trials, run_trials, usual_doors

DESCRIPTION = "A gate of one question: `git bisect run harness check --scenario worker-outage --subject path:.`"
EPILOG = HELD
SUBJECTS = ("latest",)

run = run_trials


def add(parser: argparse.ArgumentParser) -> None:
    """The options of every run."""
    add_trials(parser, SUBJECTS, scenarios="all", doors=usual_doors())
