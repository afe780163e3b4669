"""A plan of chaos as SVG: its steps, and each deployment's runs along the time that the lab's clock showed."""

from __future__ import annotations

from harness.evidence._writer import JudgedPlan, PlanWriter
from harness.evidence.plan_drawing import PICTURE, draw_plan
from harness.evidence.plan_story import tell_plan


def _of(judged: JudgedPlan) -> str:
    told = tell_plan(judged)
    return draw_plan(told, f"plan {judged.result.place} on Prefect {judged.campaign.version}") if told else ""


writer = PlanWriter(PICTURE, _of)
