"""What the page and the summary of a campaign of chaos say in the same words."""

from __future__ import annotations

from harness.chaos.results import BROKEN, UNKNOWN, CampaignResult, PlanResult, PromiseSeen


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
