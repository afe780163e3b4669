"""A trial that hit its own twin, too, held against its control: a trial in another lab."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from harness.checkers import load_promises
from harness.verdict.outcomes import INCONCLUSIVE, NOT_APPLICABLE, SURVIVED, UNJUDGED, is_broken, said
from harness.words.names import SERVER
from harness.words.promises import PromiseResult
from harness.words.records import TrialResult

# What a trial and its control in another lab have in common.
_OF_A_CONTROL = (
    "scenario", "subject", "version", "versions", "engine", "database", "clock", "schedules", "concurrency_limit", "at",
    "judged_by",
)  # fmt: skip


def beside_controls(trials: Sequence[TrialResult]) -> list[TrialResult]:
    """The entries of a run's trials, each that hit its own twin, too, held against its control in another lab.

    Such a trial has no verdict unless its control is clean. One that has no control (it is one itself) is one of the
    two: it came to what is right, or to no verdict.
    """
    by_name = {_name(trial): trial for trial in trials}
    return [_beside(trial, by_name.get(trial.control)) for trial in trials]


def _name(trial: TrialResult) -> str:
    return trial.folder.rpartition("/")[2]


def _beside(trial: TrialResult, control: TrialResult | None) -> TrialResult:
    # rule: absolute-needs-its-control (always)
    if trial.reach != SERVER or trial.outcome in (None, NOT_APPLICABLE, *UNJUDGED):
        return trial
    if not trial.control:  # rule: absolute-alone-is-clean-or-nothing
        why = "" if _is_clean(trial) else "it hit its own twin, and there is no control: open the door by its name"
    elif control is None:  # rule: absolute-control-is-there
        why = f"its control {trial.control} is not among the trials"
    else:
        why = _no_control(trial, control)
    if why:
        return replace(trial, outcome=INCONCLUSIVE, as_expected=None, reason=f"{why}; {trial.reason}")
    return replace(trial, promises=_promises_beside(trial, control)) if control else trial


def _promises_beside(trial: TrialResult, control: TrialResult) -> dict[str, PromiseResult]:
    """The promises of a trial: what its control breaks, too, or cannot tell of, is no doing of its door."""
    found = dict(trial.promises)
    for name, promise in trial.promises.items():
        its = control.promises.get(name)
        if not its or not is_broken(name, promise):
            continue
        if is_broken(name, its) or its.outcome == INCONCLUSIVE:  # rule: absolute-promise-of-its-control
            why = f"it is {its.outcome} in the control {trial.control}, too: {promise.reason}"
            found[name] = replace(promise, outcome=INCONCLUSIVE, as_expected=None, reason=why)
    return found


def _no_control(trial: TrialResult, control: TrialResult) -> str:
    """Why a trial is no control of another; empty where it is one: clean, and the same but for its door."""
    for name in _OF_A_CONTROL:
        mine, its = getattr(trial, name), getattr(control, name)
        if mine != its:  # rule: absolute-control-is-alike
            return f"{trial.control} is no control of it, with the {name} {its!r}, and not {mine!r}"
    # rule: absolute-control-is-clean (gives "")
    return "" if _is_clean(control) else f"its control {trial.control} is not clean, but {said(control)}"


def _is_clean(trial: TrialResult) -> bool:
    """Whether a trial came to what is right: its runs survived, or the promise that it is judged by was kept."""
    if checker := load_promises().get(trial.judged_by):
        promise = trial.promises.get(trial.judged_by)
        return trial.outcome not in UNJUDGED and bool(promise and promise.outcome == checker.kept)
    return trial.outcome == SURVIVED
