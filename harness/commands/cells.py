"""Print what a gate would run as the matrix of a GitHub workflow, a subject and a scenario a machine."""

from __future__ import annotations

import argparse
import json

from rich.console import Console

from harness.commands._options import add_choice, add_subjects
from harness.commands.gate import SUBJECTS
from harness.subjects.kinds import check_name
from harness.trials.scenario import load_scenarios, select_scenarios
from harness.verdict.outcomes import EXIT_AS_EXPECTED

DESCRIPTION = "Prints one line of JSON for `strategy: matrix` of GitHub Actions."


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    add_subjects(parser, SUBJECTS)
    add_choice(parser, "--scenario", load_scenarios(), "all")


def run(options: argparse.Namespace, console: Console) -> int:
    """Carry it out."""
    subjects = list(dict.fromkeys(options.subject or SUBJECTS))
    for subject in subjects:
        check_name(subject)
    scenarios = select_scenarios(options.scenario)
    include = [{"subject": subject, "scenario": one.name} for subject in subjects for one in scenarios]
    console.print(json.dumps({"include": include}), soft_wrap=True)
    return EXIT_AS_EXPECTED
