"""Entries of results.json for tests that ask for a few of their fields."""

from __future__ import annotations

from typing import Any

from harness.words.promises import PromiseResult
from harness.words.records import SideCounts, TrialResult


def ticks(**facts: Any) -> dict[str, PromiseResult]:
    """The promises of an entry: the ticks are whole, and nothing is known, but for these facts."""
    whole = {"outcome": "whole", "expected": None, "as_expected": None, "reason": ""}
    return {"ticks": PromiseResult(**{**whole, **facts})}


def trial(**facts: Any) -> TrialResult:
    """A trial that was not run yet, but for these facts."""
    planned: dict[str, Any] = {
        "scenario": "worker-outage", "door": "prefect-deploy", "subject": "3.3.3", "version": "3.3.3",
        "engine": "processes", "database": "sqlite", "outcome": None, "expected": None, "as_expected": None,
        "at_risk": 0, "kept": 0, "lost": 0, "twin": SideCounts(at_risk=0, kept=0, lost=0), "seconds": None,
        "reason": "", "folder": "trials/one",
    }  # fmt: skip
    return TrialResult(**{**planned, **facts})
