"""From a history to an outcome, from outcomes to an exit code: pure, and the same on every engine.

Order of precedence: not-applicable, error, inconclusive, lost, altered, stranded, survived.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace

from harness.checkers import Checker, load_checkers, load_promises
from harness.checkers._check import Check, compose
from harness.checkers._findings import Counts, Findings
from harness.checkers.bystanders import Bystanders
from harness.words.events import Event
from harness.words.outcomes import (
    ALTERED,
    BROKEN,
    ERROR,
    INCONCLUSIVE,
    LOST,
    NOT_APPLICABLE,
    OUTCOMES,
    STRANDED,
    SURVIVED,
    UNJUDGED,
    VERDICTS,
)
from harness.words.promises import HELD_TO_IT, Promise, PromiseResult
from harness.words.records import TrialResult

__all__ = [
    "ALTERED",
    "ERROR",
    "INCONCLUSIVE",
    "LOST",
    "NOT_APPLICABLE",
    "OUTCOMES",
    "STRANDED",
    "SURVIVED",
    "UNJUDGED",
    "VERDICTS",
]

F = TypeVar("F")
# Checkers whose `inconclusive` puts in doubt what is seen of every promise: times, or whose door it was.
_IN_DOUBT = ("bystanders", "clock")
EXIT_AS_EXPECTED, EXIT_CONTRADICTED, EXIT_USAGE, EXIT_UNJUDGED = 0, 1, 2, 125  # rule: exit-codes


@dataclass(frozen=True)
class Verdict:
    """An outcome with its reason in one sentence, and what each checker said, by its name."""

    outcome: str
    reason: str
    source: str = ""
    log: str = ""
    checks: Mapping[str, Check] = field(default_factory=dict)

    @property
    def findings(self) -> Findings:
        """The fates of the runs at risk; none where they could not be told."""
        return self.found("survival", Findings(Counts(), Counts()))

    @property
    def bystanders(self) -> Bystanders:
        """What the door did to runs of deployments that it was not opened on."""
        return self.found("bystanders", Bystanders())

    @property
    def promises(self) -> dict[str, Promise]:
        """What is said of each promise, by the name of its checker; of one that nothing was seen of, nothing."""
        return {name: check.promise for name, check in self.checks.items() if check.promise}

    def found(self, name: str, nothing: F) -> F:
        """What the word of this checker rests on; `nothing` where it found no such thing."""
        found = self.checks[name].found if name in self.checks else None
        return found if isinstance(found, type(nothing)) else nothing


def judge(events: Sequence[Event]) -> Verdict:  # rule: version-changes-nothing
    """The verdict of a history, whole or cut short: the worst that a checker says. Never raises."""
    checks = {name: _ask(checker, events) for name, checker in load_checkers().items()}
    worst = compose(checks.values())
    if worst.outcome == ERROR:  # rule: promise-error-says-nothing
        checks = {name: _silent(name, check, worst.reason) for name, check in checks.items()}
    elif doubt := [checks[name].reason for name in _IN_DOUBT if checks[name].outcome == INCONCLUSIVE]:
        # rule: promise-doubt-says-nothing (skip)
        checks = {name: _silent(name, check, doubt[0]) for name, check in checks.items()}
    return Verdict(worst.outcome or ERROR, worst.reason, worst.source, worst.log, checks)


def _ask(checker: Checker, events: Sequence[Event]) -> Check:
    """A checker's word; one that raises has no verdict, so that there is none."""
    try:
        found = checker.check(events)
    except Exception as error:  # rule: error-checker-raised
        said = f"could not be judged: {type(error).__name__}: {error}"
        if checker.promise:  # rule: promise-never-raises
            return Check(promise=Promise(outcome=INCONCLUSIVE, reason=f"it {said}"))
        return Check(outcome=ERROR, reason=f"the history {said}")
    if checker.promise:  # rule: promise-is-no-outcome
        return Check(promise=found.promise, found=found.found)
    return found


def _silent(name: str, check: Check, why: str) -> Check:
    """The same check, its promise without a verdict, and without what that would rest on."""
    if check.promise is None or load_checkers()[name].stands:  # rule: promise-stands (without last)
        return check
    return replace(
        check,
        promise=Promise(outcome=INCONCLUSIVE, reason=f"the trial has no verdict: {why}"),
        found=None,  # rule: promise-silent-counts-nothing
    )


def as_expected(outcome: str | None, expected: str | None) -> bool | None:
    """Whether an outcome is the expected one; None where it could not be judged or nothing is expected."""
    if outcome in UNJUDGED or expected is None:
        return None
    return outcome == expected  # rule: expected-both-ways


def bystanders_of(trial: TrialResult) -> int:
    """How many runs of other deployments a trial's entry says that its door deleted or altered."""
    return trial.bystanders_lost + trial.bystanders_altered


def broken_promises(trial: TrialResult) -> dict[str, PromiseResult]:
    """The promises that a trial's entry says are broken, by their names, but for those that scenarios are judged by."""
    broken = {name: one for name, one in trial.promises.items() if is_broken(name, one)}
    # rule: broken-beside-the-outcome (always)
    return {name: one for name, one in broken.items() if not _judges(name)}


def is_broken(name: str, promise: PromiseResult) -> bool:
    """Whether a promise is broken, in whichever way."""
    checker = load_promises().get(name)  # it may be of another harness
    return promise.outcome in (checker.breaks if checker else (BROKEN,))


def _judges(name: str) -> bool:
    checker = load_promises().get(name)
    return bool(checker and checker.judges)


def _against(trial: TrialResult) -> dict[str, PromiseResult]:
    """The promises that came to another outcome than the one known, by their names."""
    return {name: promise for name, promise in trial.promises.items() if promise.as_expected is False}


def _is_held(trial: TrialResult) -> bool:
    """Whether anything is expected of a trial, beside what a gate expects of the promises of all."""
    known = [
        promise.expected
        for name, promise in trial.promises.items()
        # rule: exit-held-to-all-is-none (always)
        if name == trial.judged_by or promise.reference != HELD_TO_IT
    ]
    return bool(trial.expected or any(known))  # rule: exit-promise-alone (without last)


def contradicts(trial: TrialResult) -> bool:
    """Whether a trial's entry contradicts what is known: of its runs, its promises, or others' runs."""
    # rule: exit-promises-need-a-verdict (without first)
    return trial.outcome not in UNJUDGED and bool(
        as_expected(trial.outcome, trial.expected) is False
        # rule: bystanders-contradict
        or bystanders_of(trial)
        or _against(trial)  # rule: exit-1-promise
    )


def unjudged(trial: TrialResult) -> bool:
    """Whether a trial's entry lacks a verdict: on its runs, on the promise that it is judged by, or on one of which
    something is expected."""
    if trial.outcome in UNJUDGED:
        return True
    # rule: exit-125-promise
    if any(promise.expected and promise.as_expected is None for promise in trial.promises.values()):
        return True
    judged = trial.promises.get(trial.judged_by)
    by_promise = trial.judged_by in load_promises() and trial.outcome != NOT_APPLICABLE
    return by_promise and (judged is None or judged.outcome == INCONCLUSIVE)  # rule: exit-125-judged-by (gives False)


def said(trial: TrialResult) -> str:
    """What a trial's entry came to, in a word or two: its outcome, or that of the promise that it is judged by."""
    judged = trial.promises.get(trial.judged_by)
    if judged and trial.outcome not in {NOT_APPLICABLE, *UNJUDGED}:
        return f"{trial.judged_by} {judged.outcome}"
    return trial.outcome or "not run"


def expected_of(trial: TrialResult) -> str:
    """What was expected of what `said` says; empty where nothing is known."""
    judged = trial.promises.get(trial.judged_by)
    return trial.expected or (judged and judged.expected) or ""


def objection(trial: TrialResult) -> str:
    """What a trial that contradicts contradicts, and why, for a reader; empty where it does not."""
    if not contradicts(trial):
        return ""
    promises = [said_of(name, promise) for name, promise in _against(trial).items()]
    return "; ".join(filter(None, [_objection_to_runs(trial), *promises]))


def _objection_to_runs(trial: TrialResult) -> str:
    known = f" ({trial.reference})" if trial.reference else ""
    if as_expected(trial.outcome, trial.expected) is False:
        return f"{trial.outcome}, expected {trial.expected}{known}: {trial.reason}"
    if others := bystanders_of(trial):
        return f"{others} runs of other deployments are gone or altered, and none is expected to: {trial.reason}"
    return ""


def said_of(name: str, promise: PromiseResult) -> str:
    """What became of a promise, for a reader: its outcome beside what is known, and why."""
    known = f" ({promise.reference})" if promise.reference else ""
    unknown = "" if _judges(name) else ", of which nothing is known"
    expected = f", expected {promise.expected}{known}" if promise.expected else unknown
    if promise.sometimes:
        expected = f", which happens now and then ({promise.sometimes})"
    return f"promise {name} {promise.outcome}{expected}: {promise.reason}"


def exit_code(trials: Iterable[TrialResult]) -> int:
    """The exit code of a run from its trials' entries (docs/verdicts.md).

    A contradiction outweighs what could not be judged, so that `git bisect run` skips only what says nothing. A verdict
    of which nothing is known contradicts nothing, and is no success by itself.
    """
    tried = [trial for trial in trials if trial.outcome != NOT_APPLICABLE]  # rule: exit-125-not-applicable (always)
    if any(contradicts(trial) for trial in tried):  # rule: exit-1-first (last)
        return EXIT_CONTRADICTED
    # rule: exit-0-needs-an-expectation (without last), exit-125-unjudged (without first)
    # rule: exit-125-nothing-known (without last)
    if any(unjudged(trial) for trial in tried) or not any(map(_is_held, tried)):
        return EXIT_UNJUDGED
    return EXIT_AS_EXPECTED
