"""Expect a subject to survive every scenario, whatever is known of it: for CI."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

from harness.commands._trials import HELD, GateAsk, run_trials

DESCRIPTION = "Expects every scenario to survive its deploy, whatever is known of the release."
EPILOG = HELD


@dataclass(frozen=True, kw_only=True)
class Ask(GateAsk):
    """The options of every run."""


def run(ask: Ask, console: Console) -> int:
    """Carry it out."""
    return run_trials(ask, console)
