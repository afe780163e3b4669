"""The section of a report on promises: broken ones first, with what breaks them."""

from __future__ import annotations

from harness.checkers import load_promises
from harness.evidence.markdown import in_cell
from harness.verdict.outcomes import Verdict, is_broken, said_of
from harness.words.outcomes import INCONCLUSIVE
from harness.words.promises import Breach, PromiseResult
from harness.words.records import TrialResult

_BREACHES = 20  # of one promise


def section(entry: TrialResult, verdict: Verdict) -> str:
    """The section in Markdown; empty where the trial had nothing to say of any promise."""
    said = entry.promises
    if all(promise.outcome == INCONCLUSIVE and not promise.expected for promise in said.values()):
        return ""
    lines = ["## Promises", "", "Each must hold whatever happens; none of them is part of the outcome."]
    for name in sorted(said, key=lambda name: _rank(name, said[name])):
        lines += ["", _told(name, said[name])]
        found = verdict.promises.get(name)
        breaches = found.breaches if found else ()
        lines += [f"  - {_one(breach)}" for breach in breaches[:_BREACHES]]
        lines += [f"  - {len(breaches) - _BREACHES} more are in verdict.json" for _ in breaches[_BREACHES:][:1]]
    return "\n".join(lines)


def in_short(entry: TrialResult) -> str:
    """The promise that the trial is judged by and those that are broken, a sentence each: the end of a paragraph."""
    told = [
        said_of(name, one)
        for name, one in entry.promises.items()
        if name == entry.judged_by or is_broken(name, one)  # rule: report-judged-by (without first)
    ]
    return "".join(f" {_sentence(said)}" for said in told)


def expected_by(name: str) -> str:
    """What must hold in a trial that is judged by this promise, as a sentence; empty for no promise."""
    checker = load_promises().get(name)
    return f"{checker.promise}." if checker else ""


def _rank(name: str, promise: PromiseResult) -> int:
    """Broken ones first, and last those that say nothing: as a reader wants to know them."""
    return 0 if is_broken(name, promise) else 2 if promise.outcome == INCONCLUSIVE else 1


def _told(name: str, promise: PromiseResult) -> str:
    """What a promise says, what came of it, and what is known of that."""
    known = ""
    checker = load_promises().get(name)
    if promise.expected:
        known = f" Known for this release: `{promise.expected}` ({promise.reference})."
        known += f" This happens now and then ({promise.sometimes})." if promise.sometimes else ""
    elif is_broken(name, promise) and not (checker and checker.judges):
        known = " Nothing is known of that on this release and through this door: it is news."
    says = f"{checker.promise}. " if checker else ""
    return f"- **{promise.outcome}** `{name}`: {says}{_sentence(promise.reason)}{known}"


def _sentence(said: str) -> str:
    return f"{in_cell(said[:1].upper() + said[1:])}."


def _one(breach: Breach) -> str:
    """One breach in a line."""
    run = f"run `{breach.run}` " if breach.run else ""
    at = f" ({breach.at})" if breach.at else ""
    return f"{breach.side}: {run}{in_cell(breach.what)}{at}"
