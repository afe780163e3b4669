"""A gate of one question, as `git bisect run` asks it: does this source tree survive this scenario?"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import ClassVar

from rich.console import Console

from harness.commands._trials import HELD, GateAsk, run_trials
from harness.words.options import typed

DESCRIPTION = "A gate of one question: `git bisect run harness check --scenario worker-outage --subject path:.`"
EPILOG = HELD


@dataclass(frozen=True, kw_only=True)
class Ask(GateAsk):
    """The options of every run."""

    command: ClassVar[str] = "check"

    def again(self) -> str:
        """As of every run, but that nox has no session of this name."""
        return shlex.join(["harness", self.command, *typed(self)])


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    return run_trials(ask, console)
