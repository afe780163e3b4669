"""How a campaign of chaos stands. It alone writes chaos.json, after each plan: what is cut off can be gone on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from harness.chaos.coverage import KINDS
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import BROKEN, KEPT, UNKNOWN, CampaignResult, PlanResult
from harness.chaos.text import read_plan, write_plan
from harness.runs.campaign import Bench
from harness.runs.campaign_evidence import show_campaign, show_plan
from harness.runs.reduction import Reduction, reduce_plan
from harness.store.campaigns import REDUCED, forget, plan_file, read_planned, write_campaign
from harness.store.checksums import NAME as SUMS
from harness.verdict.plans import exit_code


class CampaignLedger:
    """What a campaign has come to so far, and carries out what is left of it; chaos.json has it at every moment."""

    def __init__(self, folder: Path, result: CampaignResult, say: Callable[[str], None]) -> None:
        self.folder, self.result, self._say = folder, result, say
        self.plans = read_planned(folder, result.planned)

    @property
    def left(self) -> Mapping[int, ChaosPlan]:
        """The plans of its shard that have no result, by their places."""
        return {place: self.plans[place - 1] for place in self.result.missing}

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing left to carry out."""
        return not self.result.promise and not self.left

    def carry_on(self, bench: Bench) -> int:
        """Carry out what is left, and say what it came to; returns the exit code."""
        (self.folder / SUMS).unlink(missing_ok=True)  # it is no run that came to its end any more
        self._keep(msgspec.structs.replace(self.result, exit_code=None))
        bench.labs_before(len(list((self.folder / "labs").glob("*"))))
        if self.result.promise:
            return self._reduce(bench)
        while left := self.left:
            place, plan = next(iter(left.items()))
            self._carry_out(plan, place, bench)
        return self.end()

    def end(self) -> int:
        """Say what the plans came to; returns the exit code."""
        return self._ended(exit_code(self.result.plans), summary_of(self.result))

    def _reduce(self, bench: Bench) -> int:
        """Make its plan smaller; what was tried before it was cut off is not tried again."""
        place, done = 0, {plan.place: plan for plan in self.result.plans}

        def tried(plan: ChaosPlan) -> PlanResult:
            nonlocal place
            place += 1
            # rule: campaign-reduction-goes-on (never)
            if place in done and read_plan(self.folder / plan_file(place)) == plan:
                return done[place]
            return self._carry_out(plan, place, bench)

        (plan,) = self.plans
        found = reduce_plan(plan, self.result.promise, tried, self._say)
        write_plan(found.plan, self.folder / REDUCED)
        return self._ended(exit_code([found.last] if found.last else []), told_of(found))

    def _carry_out(self, plan: ChaosPlan, place: int, bench: Bench) -> PlanResult:
        if forget(self.folder, place):
            self._say(f"plan-{place} was cut off, and is carried out anew")
        result = bench.carry_out(plan, place)
        plans = [one for one in self.result.plans if one.place != place]
        self._keep(msgspec.structs.replace(self.result, plans=plans).also(result))
        show_plan(self.folder, self.result, result)
        for line in lines_of(result):
            self._say(line)
        return result

    def _ended(self, code: int, lines: list[str]) -> int:
        self._keep(msgspec.structs.replace(self.result, exit_code=code))
        show_campaign(self.folder, self.result)
        for line in ["", *lines, f"evidence: {self.folder}", f"again:    {self.result.command}", f"exit:     {code}"]:
            self._say(line)
        return code

    def _keep(self, result: CampaignResult) -> None:
        self.result = result
        write_campaign(self.folder, result)


def lines_of(result: PlanResult) -> list[str]:
    """What a plan came to, for a person."""
    broken = result.news
    known = [name for name in result.of(BROKEN) if result.promises[name].known]
    untold = [name for name in known if result.promises[name].untold]  # rule: plan-untold-is-said (never)
    parts = [
        ("broken", broken), ("broken as is known", known), ("and beside that unknown", untold),
        ("unknown", result.of(UNKNOWN)), ("kept", result.of(KEPT)),
    ]  # fmt: skip
    said = "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names) or "there was nothing to see"
    head = f"{result.file}: {len(result.executed)} of {len(result.steps)} steps"
    spent = f"{result.seconds:.0f} s, {result.cpu_seconds:.0f} CPU s"
    reasons = [f"    {name}: {result.promises[name].reason}" for name in [*broken, *result.of(UNKNOWN)]]
    return [f"{head}: {said} ({spent})", *reasons]


def summary_of(campaign: CampaignResult) -> list[str]:
    """What a campaign came to, for a person."""
    coverage, plans = campaign.coverage, campaign.plans
    broken = [plan for plan in plans if plan.news]
    places = f"{len(coverage.pairs)} pairs of them, {len(coverage.places)} by state"
    covered = f"{len(coverage.steps)} of {len(KINDS)} kinds of step, {places}"
    told = f"{len(broken)} of {len(plans)} plans broke a promise in a way that is not known"
    return [f"Prefect {campaign.version}: {told}", f"executed so far: {covered}"]


def told_of(reduction: Reduction) -> list[str]:
    """What a reduction came to, for a person."""
    replayed = f"{reduction.promise} broken {reduction.broke} of {reduction.replays} times"
    if not reduction.broke:
        return [f"{replayed}: there is nothing to make smaller"]
    cut = "; it may not be the smallest, since no more tries are made" if reduction.is_cut else ""
    steps = [f"  {number}. {step}" for number, step in enumerate(reduction.plan.steps, start=1)]
    return [f"{replayed}; the smallest plan found in {reduction.tries} tries{cut} ({REDUCED}):", *steps]
