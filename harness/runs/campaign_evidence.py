"""What shows a campaign of chaos to a reader: the files of its plans, and its own; made, and made again."""

from __future__ import annotations

from pathlib import Path

from harness.chaos.plans import ChaosPlan
from harness.chaos.results import BROKEN, CampaignResult, PlanResult
from harness.chaos.text import read_plan
from harness.evidence import Campaign, JudgedDoor, JudgedPlan, made_again, write_evidence
from harness.runs.conclude import beside
from harness.runs.plan_result import plan_again
from harness.store.campaigns import plan_file


def show_plan(folder: Path, campaign: CampaignResult, result: PlanResult) -> None:
    """Write the files of a plan into its folder, from its histories; no verdict hangs on them."""
    own = (folder / plan_file(result.place)).parent
    with beside(own):
        plan = read_plan(folder / plan_file(result.place))
        doors = plan_again(plan, result.place, own, campaign).doors
        write_evidence(JudgedPlan(plan, result, doors, campaign), own, lambda: beside(own))


def show_campaign(folder: Path, campaign: CampaignResult) -> None:
    """Write the files of a campaign, and once more those of plans that broke a promise: they say how often."""
    for plan in campaign.plans:
        if plan.of(BROKEN):
            show_plan(folder, campaign, plan)
    with beside(folder):
        write_evidence(Campaign(folder, campaign), folder, lambda: beside(folder))


def views_of_a_plan(plan: ChaosPlan, saved: PlanResult, doors: list[JudgedDoor], of: CampaignResult) -> dict[str, str]:
    """The files of a plan, made again."""
    return made_again(JudgedPlan(plan, saved, doors, of))


def views_of_a_campaign(folder: Path, campaign: CampaignResult) -> dict[str, str]:
    """The files of a campaign, made again."""
    return made_again(Campaign(folder, campaign))
