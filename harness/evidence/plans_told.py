"""What the page and the summary of a campaign of chaos say in the same words."""

from __future__ import annotations

from dataclasses import dataclass

from harness.chaos.results import BROKEN, KEPT, NOTHING, UNKNOWN, CampaignResult, PlanResult, PromiseSeen


@dataclass(frozen=True)
class PromiseCount:
    """How many plans of a campaign kept a promise, broke it (as is known, or not), left it unknown, showed nothing."""

    name: str
    kept: int
    news: int
    known: int
    unknown: int
    nothing: int


def counts_of(campaign: CampaignResult) -> list[PromiseCount]:
    """Of each promise, in how many plans it came to what."""
    found = []
    for name in dict.fromkeys(name for plan in campaign.plans for name in plan.promises):
        seen = [plan.promises[name] for plan in campaign.plans if name in plan.promises]
        broken = [promise for promise in seen if promise.came_to == BROKEN]
        known = sum(bool(promise.known) for promise in broken)
        others = (sum(promise.came_to == word for promise in seen) for word in (UNKNOWN, NOTHING))
        kept = sum(promise.came_to == KEPT for promise in seen)
        found.append(PromiseCount(name, kept, len(broken) - known, known, *others))
    return found


def rows_of(campaign: CampaignResult) -> list[PlanResult]:
    """The plans that a reader looks at first: those with news, then those that broke what is known, then unknown."""

    def rank(plan: PlanResult) -> int:
        if plan.news:
            return 0
        return 1 if plan.of(BROKEN) else 2 if plan.of(UNKNOWN) else 3

    return sorted(campaign.plans, key=lambda plan: (rank(plan), plan.place))


def told_of(plan: PlanResult, word: str) -> str:
    """The promises of a plan that came to this, in a phrase; of broken ones, where that is known from."""
    return ", ".join(f"{name}{_beside(plan.promises[name])}" for name in plan.of(word))


def _beside(promise: PromiseSeen) -> str:
    # rule: plan-page-says-untold (gives "")
    untold = "something else of it could not be told" if promise.untold else ""
    beside = "; ".join(filter(None, [promise.known, untold]))
    return f" ({beside})" if beside else ""
