"""A campaign of chaos in Markdown: what each plan broke, what is covered, and the command that does it again."""

from __future__ import annotations

from harness.chaos.results import BROKEN, UNKNOWN
from harness.evidence._writer import Campaign, CampaignWriter
from harness.evidence.markdown import in_cell
from harness.evidence.plans_told import counts_of, rows_of, told_of
from harness.words.redaction import redact

_SHOWN = 100  # plans that broke something, or left something unknown


def _of(campaign: Campaign) -> str:
    result = campaign.result
    seconds, cpu = (sum(getattr(plan, name) for plan in result.plans) for name in ("seconds", "cpu_seconds"))
    news = sum(bool(plan.news) for plan in result.plans)
    told = [plan for plan in rows_of(result) if plan.of(BROKEN) or plan.of(UNKNOWN)]
    lines = [
        f"# Chaos on Prefect {result.version}",
        "",
        f"{len(result.plans)} plans, {news} of them with news; {seconds:.0f} s, {cpu:.0f} CPU s. "
        f"Engine {result.engine}, database {result.database}. {len(result.coverage.pairs)} pairs of steps executed.",
        "",
    ]
    lines += ["| promise | kept | news | known | unknown | nothing to see |", "|---|---:|---:|---:|---:|---:|"]
    for one in counts_of(result):
        lines.append(f"| {one.name} | {one.kept} | {one.news} | {one.known} | {one.unknown} | {one.nothing} |")
    lines.append("")
    if told:
        lines += ["| plan | steps | broken | unknown | report |", "|---|---:|---|---|---|"]
    for plan in told[:_SHOWN]:
        link = f"[report](plans/plan-{plan.place}/report.md)" if plan.of(BROKEN) else ""
        said = f"{in_cell(told_of(plan, BROKEN))} | {in_cell(told_of(plan, UNKNOWN))}"
        lines.append(f"| plan-{plan.place} | {len(plan.steps)} | {said} | {link} |")
    lines += [f"\n{len(told) - _SHOWN} more are in chaos.json."] if len(told) > _SHOWN else []
    missing = [f"- plan-{place} has no result" for place in result.missing]
    return redact("\n".join([*lines, "", *missing, f"Again: `{result.command}`", ""]))


writer = CampaignWriter("summary.md", _of)
