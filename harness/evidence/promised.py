"""The section of a report on promises: broken ones first, with what breaks them."""

from __future__ import annotations

from harness.checkers import load_promises
from harness.evidence.markdown import in_cell
from harness.verdict.outcomes import Verdict, broken_promises, said_of
from harness.words.outcomes import BROKEN, INCONCLUSIVE, PROMISE_OUTCOMES
from harness.words.promises import Breach, PromiseResult
from harness.words.records import TrialResult

_BREACHES = 20  # of one promise


def section(entry: TrialResult, verdict: Verdict) -> str:
    """The section in Markdown; empty where the trial had nothing to say of any promise."""
    said = entry.promises
    if all(promise.outcome == INCONCLUSIVE and not promise.expected for promise in said.values()):
        return ""
    lines = ["## Promises", "", "Each must hold whatever happens; none of them is part of the outcome."]
    for name in sorted(said, key=lambda name: PROMISE_OUTCOMES.index(said[name].outcome)):
        lines += ["", _told(name, said[name])]
        found = verdict.promises.get(name)
        breaches = found.breaches if found else ()
        lines += [f"  - {_one(breach)}" for breach in breaches[:_BREACHES]]
        lines += [f"  - {len(breaches) - _BREACHES} more are in verdict.json" for _ in breaches[_BREACHES:][:1]]
    return "\n".join(lines)


def in_short(entry: TrialResult) -> str:
    """The promises that are broken, a sentence each, as the end of a paragraph."""
    return "".join(f" {_sentence(said_of(name, one))}" for name, one in broken_promises(entry).items())


def _told(name: str, promise: PromiseResult) -> str:
    """What a promise says, what came of it, and what is known of that."""
    known = ""
    if promise.expected:
        known = f" Known for this release: `{promise.expected}` ({promise.reference})."
    elif promise.outcome == BROKEN:
        known = " Nothing is known of that on this release and through this door: it is news."
    says = load_promises().get(name, "")
    return f"- **{promise.outcome}** `{name}`: {says}. {_sentence(promise.reason)}{known}"


def _sentence(said: str) -> str:
    return f"{in_cell(said[:1].upper() + said[1:])}."


def _one(breach: Breach) -> str:
    """One breach in a line."""
    run = f"run `{breach.run}` " if breach.run else ""
    at = f" ({breach.at})" if breach.at else ""
    return f"{breach.side}: {run}{in_cell(breach.what)}{at}"
