"""Known faults in a Prefect release, found from the promises alone: plans until one breaks, which is made smaller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from harness.chaos.draw import draw_several
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import CampaignResult
from harness.chaos.text import read_plan
from harness.engines.choose import choose_engine
from harness.runs.campaign_ground import campaign_of, carry_out_campaign, opened
from harness.runs.campaign_ledger import CampaignLedger
from harness.store.campaigns import REDUCED, held, read_planned
from harness.store.results import new_run_id
from harness.subjects.kinds import resolve
from harness.words.plan import slug

FOUND, NOT_FOUND, QUIET, FALSE_ALARM, NO_VERDICT = "found", "not found", "quiet", "false alarm", "no verdict"


@dataclass(frozen=True, kw_only=True)
class Tries:
    """What mutants are looked for with: the plans of a seed, on an engine; each campaign has a folder of its own."""

    seed: int
    plans: int
    steps: int
    engine: str
    database: str
    start: str
    folder: Path
    command: str


@dataclass(frozen=True, kw_only=True)
class ByChaos:
    """What the promises showed of a subject.

    news         the promises that its last plan broke, after so many `plans`, which took `seconds` and `cpu_seconds`
    steps        of the plan that broke them; `shrunk`: of the smallest that was made of it, in so many `tries`
    """

    name: str
    verdict: str
    news: Sequence[str]
    plans: int
    seconds: float
    cpu_seconds: float
    steps: int | None = None
    shrunk: int | None = None
    tries: int = 0
    shrinking: float = 0.0


def look_for(subject: str, tries: Tries, say: Callable[[str], None]) -> CampaignResult:
    """Carry out the plans of a seed on a subject until one breaks a promise; what was carried out is not done again."""
    plans = draw_several(tries.seed, tries.plans, tries.steps, database=tries.database)
    return _campaign(subject, tries, plans, say)


def shrink(subject: str, found: CampaignResult, tries: Tries, say: Callable[[str], None]) -> CampaignResult | None:
    """Make the plan that broke a promise smaller; None where none did."""
    last = next((plan for plan in found.plans if plan.news), None)
    if not last:
        return None
    plan = read_planned(_folder(subject, tries, "found"), found.planned)[last.place - 1]
    return _campaign(subject, tries, [plan], say, promise=last.news[0])


def _campaign(
    subject: str, tries: Tries, plans: Sequence[ChaosPlan], say: Callable[[str], None], *, promise: str = ""
) -> CampaignResult:
    engine, _ = choose_engine(tries.engine)
    release, run = resolve(subject, engine.target(), engine.resolve_image), new_run_id()
    new = campaign_of(
        release,
        subject=subject,
        run=run,
        command=tries.command,
        engine=tries.engine,
        database=tries.database,
        start=tries.start,
        plans=plans,
        seed=None if promise else tries.seed,
        steps=None if promise else tries.steps,
        promise=promise,
        until_news=not promise,
    )
    folder = _folder(subject, tries, "shrunk" if promise else "found")
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        ledger = CampaignLedger(folder, opened(folder, new, plans), say)
        if ledger.result.exit_code is None:
            carry_out_campaign(ledger, engine, release, run=run, say=say)
    return ledger.result


def _folder(subject: str, tries: Tries, what: str) -> Path:
    return tries.folder / what / slug(subject)


def row_of(
    name: str, found: CampaignResult, reduced: CampaignResult | None, smallest: ChaosPlan | None, *, is_mutant: bool
) -> ByChaos:
    """What a campaign showed of a mutant, or of the release itself, and what its plan was made to."""
    last = next((plan for plan in found.plans if plan.news), None)
    if last:  # rule: power-by-chaos-finds
        verdict = FOUND if is_mutant else FALSE_ALARM
    elif found.missing or not any(plan.of("kept") for plan in found.plans):  # rule: power-by-chaos-no-verdict
        verdict = NO_VERDICT
    else:
        verdict = NOT_FOUND if is_mutant else QUIET
    return ByChaos(
        name=name,
        verdict=verdict,
        news=last.news if last else (),
        plans=len(found.plans),
        seconds=sum(plan.seconds for plan in found.plans),
        cpu_seconds=sum(plan.cpu_seconds for plan in found.plans),
        steps=len(last.steps) if last else None,
        shrunk=len(smallest.steps) if smallest else None,
        tries=len(reduced.plans) if reduced else 0,
        shrinking=sum(plan.cpu_seconds for plan in reduced.plans) if reduced else 0.0,
    )


def smallest_of(subject: str, tries: Tries, reduced: CampaignResult | None) -> ChaosPlan | None:
    """The plan that a reduction came to; None where its own plan did not break the promise again."""
    if not reduced or not any(reduced.promise in plan.of("broken") for plan in reduced.plans):
        return None
    return read_plan(_folder(subject, tries, "shrunk") / REDUCED)


def in_short(rows: Sequence[ByChaos]) -> str:
    """How many mutants were found, after how many plans, and how small their plans became."""
    found = [row for row in rows if row.verdict == FOUND]
    mutants = [row for row in rows if row.verdict in (FOUND, NOT_FOUND)]
    small = [row.shrunk for row in found if row.shrunk is not None]
    said = f"{len(found)} of {len(mutants)} mutants found from the promises alone"
    if found:
        said += f", after {max(row.plans for row in found)} plans at the most"
    return said + (f"; the median shrunk plan has {median(small):g} steps" if small else "")
