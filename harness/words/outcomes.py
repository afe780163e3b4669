"""What a trial may come to, and what a promise may; docs/verdicts.md says when."""

from __future__ import annotations

NOT_APPLICABLE, ERROR, INCONCLUSIVE = "not-applicable", "error", "inconclusive"
LOST, ALTERED, STRANDED, SURVIVED = "lost", "altered", "stranded", "survived"
VERDICTS = (LOST, ALTERED, STRANDED, SURVIVED)
OUTCOMES = (NOT_APPLICABLE, ERROR, INCONCLUSIVE, *VERDICTS)  # in order of precedence
UNJUDGED = {
    ERROR,
    INCONCLUSIVE,  # rule: expected-null-without-verdict
    None,
}
HELD, BROKEN = "held", "broken"
PROMISE_OUTCOMES = (BROKEN, HELD, INCONCLUSIVE)  # in the order in which a reader wants to know them
