"""What the commands that run trials have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.console import Console

from harness.runs.ask import TABLE, RunAsk, SubjectNames
from harness.runs.run import run_matrix

# The last release that has the bug of the report, the first that has not, and the last one with the short fix loaded
REPORTED = ("3.3.3", "3.3.4", "3.3.3+keep-waiting-runs")
NEWEST = ("latest",)

EXIT_CODES = """\
exit codes:
  0    every trial that has an expected outcome came to it
  1    at least one trial contradicts its expected outcome
  2    wrong usage; nothing was started
  125  no trial contradicts, but one could not be judged, or none has an
       expected outcome
  130  interrupted (Ctrl-C), 143 terminated, 129 the terminal was closed;
       the results so far are kept
"""
HELD = EXIT_CODES.replace("that has an expected outcome came to it", "that is expected to survive did").replace(
    "contradicts its expected outcome", "did not survive, or broke a promise"
)


@dataclass(frozen=True, kw_only=True)
class GateAsk(RunAsk):
    """A run in which every subject is expected to survive, whatever is known of it."""

    command: ClassVar[str] = "gate"
    is_held: ClassVar[bool] = True

    subjects: SubjectNames = NEWEST


def run_trials(ask: RunAsk, console: Console) -> int:
    """Carry a run out; returns its exit code."""
    # What a program reads from stdout must be alone there.
    progress = console if ask.format == TABLE else type(console)(stderr=True, markup=False, highlight=False)
    return run_matrix(ask, progress, console)
