"""What commands that run trials have in common: their options, and the run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.commands._options import (
    add_choice,
    add_database,
    add_engine,
    add_labs,
    add_start,
    add_subjects,
    number,
)
from harness.doors import load_doors
from harness.runs.run import FORMATS, TABLE, Request, run_matrix
from harness.trials.scenario import load_scenarios
from harness.words.names import PREFECT_DEPLOY

EXIT_CODES = """\
exit codes:
  0    every trial of which an outcome is known came to it
  1    at least one trial contradicts what is known
  2    wrong usage; nothing was started
  125  nothing contradicts, but something could not be judged, or nothing is
       known of any trial
  130  interrupted (Ctrl-C), 143 terminated, 129 the terminal was closed;
       the results so far are kept
"""
HELD = EXIT_CODES.replace("of which an outcome is known came to it", "survived").replace(
    "contradicts what is known", "did not survive"
)


def usual_doors() -> str:
    """In words, the doors that are opened where none is named."""
    usual = {name: one.usual_door for name, one in load_scenarios().items()}
    others = [f"{door} for {name}" for name, door in usual.items() if door != PREFECT_DEPLOY]
    return ", ".join([PREFECT_DEPLOY, *others])


def add_trials(command: argparse.ArgumentParser, subjects: Sequence[str], *, scenarios: str, doors: str) -> None:
    """The options of a command that runs trials; `scenarios` and `doors` say what is run where none is named."""
    command.set_defaults(usual_subjects=list(subjects))
    add_subjects(command, subjects)
    add_engine(command)
    add_database(command)
    add_start(command)
    add_choice(command, "--scenario", load_scenarios(), scenarios)
    add_choice(command, "--door", load_doors(), doors)
    command.add_argument(
        "--results", type=Path, default=Path("results"), metavar="DIR", help="where evidence goes (default: results)"
    )
    command.add_argument(
        "--keep",
        choices=("never", "failed", "always"),
        default="failed",
        help="whether a lab's database is saved with the evidence; `failed`: when a trial is not as expected (default)",
    )
    command.add_argument(
        "--repeat", type=number, default=1, metavar="N",
        help="each trial N times, each time in a lab of its own; says k of N with its 95 %% interval (default: 1)",
    )  # fmt: skip
    add_labs(command)
    command.add_argument(
        "-k", dest="expression", default="", metavar="EXPR", help="only trials whose name matches, as in pytest"
    )
    command.add_argument(
        "--format", choices=FORMATS, default=TABLE,
        help="what stdout gets in the end: the table (default), summary.md, or results.json; but for the table, all "
        "else goes to stderr",
    )  # fmt: skip


def run_trials(options: argparse.Namespace, console: Console) -> int:
    """Carry a run out; returns its exit code."""
    request = Request(
        command=options.command,
        subjects=list(dict.fromkeys(options.subject or options.usual_subjects)),
        scenarios=options.scenario,
        doors=options.door,
        engine=options.engine,
        results=options.results,
        keep=options.keep,
        labs=options.labs,
        expression=options.expression,
        repeat=options.repeat,
        database=options.database,
        format=options.format,
        start=options.start,
    )
    # What a program reads from stdout must be alone there.
    progress = console if options.format == TABLE else type(console)(stderr=True, markup=False, highlight=False)
    return run_matrix(request, progress, console)
