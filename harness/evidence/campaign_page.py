"""The page of a campaign of chaos: each plan with its steps and its picture, in one file that needs no network."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from markupsafe import Markup

from harness.chaos.coverage import BEGIN, KINDS, Coverage
from harness.chaos.model import STATES
from harness.chaos.results import BROKEN, KEPT, NOTHING, UNKNOWN, PlanResult
from harness.evidence._html import html, without_style
from harness.evidence._writer import Campaign, CampaignWriter
from harness.evidence.drawing import STYLE
from harness.evidence.plan_drawing import PICTURE
from harness.evidence.plans_told import counts_of, rows_of, told_of
from harness.store.results import harness_words

_PICTURES = 60  # on the page itself: of what a reader looks at first; the others are linked


def page(campaign: Campaign) -> str:
    """The page of a campaign, or of shards that were joined, made from its folder alone."""
    result = campaign.result
    plans = [_plan(campaign.folder, plan, drawn=n < _PICTURES) for n, plan in enumerate(rows_of(result))]
    return html(
        "campaign.html.j2",
        campaign=result,
        plans=plans,
        harness=harness_words(result.harness),
        kinds=KINDS,
        promises=counts_of(result),
        states=STATES,
        coverage=_by_state(result.coverage),
        pairs=_pairs(result.coverage),
        unseen=[kind for kind in KINDS if kind not in result.coverage.steps],
        seconds=sum(plan.seconds for plan in result.plans),
        cpu=sum(plan.cpu_seconds for plan in result.plans),
        style=Markup(STYLE),  # noqa: S704 - our own text
    )


def _by_state(coverage: Coverage) -> list[tuple[str, int, list[int]]]:
    """Each kind of step, how often it was executed, and how often in each state."""
    return [(kind, coverage.steps.get(kind, 0), [coverage.times_in(state, kind) for state in STATES]) for kind in KINDS]


def _pairs(coverage: Coverage) -> list[tuple[str, list[int]]]:
    """Each kind of step, and how often each kind came just after it."""
    return [(first, [coverage.times_after(first, then) for then in KINDS]) for first in (BEGIN, *KINDS)]


def _plan(folder: Path, plan: PlanResult, *, drawn: bool) -> dict[str, object]:
    own = f"plans/plan-{plan.place}"
    picture = ""
    if drawn:
        with suppress(OSError, ValueError):
            picture = without_style((folder / own / PICTURE).read_text(encoding="utf-8"))
    broken = plan.of(BROKEN)
    word = "news" if plan.news else "known" if broken else "unknown" if plan.of(UNKNOWN) else "kept"
    return {
        "id": f"plan-{plan.place}",
        "word": word if plan.of(KEPT) or word != "kept" else "nothing",
        "broken": told_of(plan, BROKEN),
        "unknown": told_of(plan, UNKNOWN),
        "kept": told_of(plan, KEPT),
        "nothing": told_of(plan, NOTHING),
        "reasons": [(name, plan.promises[name].reason) for name in [*broken, *plan.of(UNKNOWN)]],
        "steps": list(plan.steps),
        "in_vain": list(plan.in_vain),
        "seconds": plan.seconds,
        "cpu": plan.cpu_seconds,
        "doors": plan.doors,
        "picture": Markup(picture),  # noqa: S704 - written by plan_picture.py, escaped there
        "files": [
            f"{own}/{name}"
            for name in ("plan.yaml", PICTURE, "report.md", "reproduce.py")
            if (folder / own / name).is_file()
        ],
    }


writer = CampaignWriter("index.html", page)
