"""A second look at a campaign of chaos: each plan judged again, from the histories of its doors alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.chaos.draw import draw_several
from harness.chaos.model import MOST_STEPS
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import CampaignResult, PlanResult, PromiseSeen
from harness.chaos.shards import parse_shard
from harness.chaos.text import read_plan
from harness.runs.campaign_evidence import views_of_a_campaign, views_of_a_plan
from harness.runs.once import Once
from harness.runs.plan_result import plan_again
from harness.runs.recheck import shows
from harness.runs.reduction import Reduction, reduce_plan
from harness.store.campaigns import PLANS, REDUCED, digest, plan_file, read_campaign, read_planned
from harness.store.checksums import NAME as SUMS
from harness.store.checksums import check_checksums
from harness.store.results import UNKNOWN, harness_commit, harness_words
from harness.verdict.plans import exit_code
from harness.words.errors import UsageError


@dataclass(frozen=True)
class PlansLook:
    """What a second look at a campaign found.

    harness   the version that made it, in words
    problems  what was changed, or does not follow from the histories: a line each
    unended   why it did not come to its end; empty where it did
    held      how many of its plans came to the same again, and `plans`: how many there are
    """

    harness: str
    problems: Sequence[str]
    unended: str
    held: int
    plans: int

    @property
    def objections(self) -> list[str]:
        """All that is wrong, a line each."""
        return [" ".join(said.split()) for said in (*filter(None, [self.unended]), *self.problems)]


def recheck_campaign(folder: Path) -> PlansLook:
    """Judge a campaign again. Raises: UsageError for a folder that holds none."""
    result = read_campaign(folder)
    made_by, now = harness_words(result.harness), harness_words(harness_commit())
    look = _Look(folder, result, same=made_by == now != UNKNOWN)
    unended = "" if result.exit_code is not None else "chaos.json has no exit code: the campaign was cut off"
    problems: list[str] = []
    if (folder / SUMS).exists():
        problems += check_checksums(folder)
    elif not unended:
        unended = check_checksums(folder)[0]
    # rule: recheck-campaign-every-plan (never)
    missing = [f"plan-{place} has no result" for place in result.missing if not result.promise]
    if not unended and result.merged and missing:
        unended, missing = f"{', '.join(missing)}: it was in no shard", []
    problems += [*look.planned(), *look.present(), *look.covered()]
    problems += missing if result.exit_code is not None else []
    wrong = {plan.place: list(look.differences(plan)) for plan in result.plans}
    problems += [f"'plan-{place}': {'; '.join(differ)}" for place, differ in wrong.items() if differ]
    problems += look.ended()
    held = sum(not differ for differ in wrong.values())
    return PlansLook(made_by, problems, unended, held, len(result.plans))


class _Look:
    """A second look under way; `same`: this very harness made the campaign."""

    def __init__(self, folder: Path, result: CampaignResult, *, same: bool) -> None:
        self.folder, self.result, self.same = folder, result, same
        self.once = Once()
        self.plans: list[ChaosPlan] = []
        self.again: dict[int, PlanResult] = {}

    def planned(self) -> Iterator[str]:
        """What is wrong with the texts of the plans, and with where they are from."""
        result = self.result
        try:
            self.plans = read_planned(self.folder, result.planned)
        except UsageError as error:
            yield str(error)
        if result.seed is None or not self.same:  # rule: recheck-campaign-other-commit (without last)
            return
        steps, number = -1 if result.steps is None else result.steps, len(result.planned)
        if not 0 <= steps <= MOST_STEPS or not number:
            yield f"{number} plans of {steps} steps are none that a seed draws"
        # rule: recheck-campaign-drawn (never)
        elif [digest(plan) for plan in draw_several(result.seed, number, steps, result.seen, result.database)] != list(
            result.planned
        ):
            yield f"the seed {result.seed} draws other plans"

    def present(self) -> Iterator[str]:
        """Which plans have several results, or one and are not of the shard, or a folder alone."""
        result, there = self.result, Counter(plan.place for plan in self.result.plans)
        mine: Sequence[int]
        if result.promise:
            mine = range(1, len(result.plans) + 1)  # its tries
        else:
            mine = list(parse_shard(result.shard or "1/1").of(result.planned))
        yield from (f"plan-{place} is not of the shard {result.shard}" for place in there if place not in mine)
        yield from (f"plan-{place} has {times} results" for place, times in there.items() if times > 1)
        folders = {path.name for path in (self.folder / PLANS).glob("*")} - {f"plan-{place}" for place in there}
        if result.exit_code is not None:  # the plan that was cut off has one
            # rule: recheck-campaign-plan-without-entry (skip)
            yield from (f"{PLANS}/{name} has no entry in chaos.json" for name in sorted(folders))

    def covered(self) -> Iterator[str]:
        """What is wrong with the coverage."""
        coverage = self.result.seen
        for plan in self.result.plans:
            coverage = coverage.also(plan.executed, plan.places)
        if coverage != self.result.coverage:  # rule: recheck-campaign-coverage
            yield "the coverage is not that of its plans"

    def differences(self, saved: PlanResult) -> Iterator[str]:
        """What the saved result of a plan says otherwise than its histories, judged again; a phrase each."""
        file = self.folder / plan_file(saved.place)
        try:
            plan = read_plan(file)
        except UsageError:
            yield "its text is gone, or is no plan any more"
            return
        # rule: recheck-campaign-planned-text (never)
        if not self.result.promise and digest(plan) != self.result.planned[saved.place - 1]:
            yield "its text is not the one that was planned"
        found = plan_again(plan, saved.place, file.parent, self.result)
        yield from found.problems
        for door in found.doors:
            yield from self.once.add(self.folder / door.result.folder, list(door.events))
        again = self.again[saved.place] = found.result
        yield from _unlike(saved, again, same=self.same)
        if self.same and self.result.exit_code is not None:
            for name, made in views_of_a_plan(plan, saved, list(found.doors), self.result).items():
                if not shows(file.parent / name, made):  # rule: recheck-campaign-plan-views
                    yield f"{name} is not what its histories come to"
        if list(saved.executed) not in found.executed or list(saved.in_vain) != list(again.in_vain):
            yield "its histories tell of other steps"  # rule: recheck-campaign-executed (skip)

    def ended(self) -> Iterator[str]:
        """What is wrong with the exit code, and with the plan that a reduction came to."""
        result = self.result
        if result.exit_code is None or not self.same or not self.plans:
            return
        plans, missing = list(self.again.values()), result.missing
        if result.promise:
            found = self._reduced_again()
            if not found:
                yield "its plans are not those that a reduction tries, in order"
                return
            plans, missing = [found.last] if found.last else [], []
            try:
                if read_plan(self.folder / REDUCED) != found.plan:  # rule: recheck-campaign-reduced
                    yield f"{REDUCED} is not the plan that its tries come to"
            except UsageError:
                yield f"{REDUCED} is gone, or is no plan"
        for name, made in views_of_a_campaign(self.folder, result).items():
            if not shows(self.folder / name, made):  # rule: recheck-campaign-views
                yield f"{name} is not what its plans come to"
        if result.exit_code != (code := exit_code(plans, missing)):  # rule: recheck-campaign-exit-code
            yield f"chaos.json says exit code {result.exit_code}; its plans come to {code}"

    def _reduced_again(self) -> Reduction | None:
        """The reduction, made again from what its tries came to; None where these are others than it makes."""
        tried = 0

        def looked_up(plan: ChaosPlan) -> PlanResult:
            nonlocal tried
            tried += 1
            if read_plan(self.folder / plan_file(tried)) != plan:
                raise KeyError(tried)
            return self.again[tried]

        try:
            found = reduce_plan(self.plans[0], self.result.promise, looked_up, lambda _: None)
        except (KeyError, UsageError):
            return None
        return found if tried == len(self.result.plans) else None


def _unlike(saved: PlanResult, again: PlanResult, *, same: bool) -> Iterator[str]:
    """How two results of a plan differ: in its doors, its promises, and all else that the histories tell."""
    then, now = ({(door.step, door.deployment): door for door in one.doors} for one in (saved, again))
    if len(saved.doors) != len(then) or then.keys() != now.keys():
        yield f"{len(saved.doors)} doors then, {len(now)} now"
        return
    for where, door in then.items():
        said = f"the door at step {where[0]} on {where[1]}"
        pairs = {"door": (door.door, now[where].door), "outcome": (door.outcome, now[where].outcome)}
        pairs["folder"] = (door.folder, now[where].folder)
        if same:
            pairs["reason"] = (door.reason, now[where].reason)
        yield from (f"{said}: {what} {a} then, {b} now" for what, (a, b) in pairs.items() if a != b)
        yield from (f"{said}: {differs}" for differs in _promises(door.promises, now[where].promises, same=same))
    yield from _promises(saved.promises, again.promises, same=same)
    for field in ("seed", "number", "steps"):
        if getattr(saved, field) != getattr(again, field):
            yield f"{field}: {getattr(saved, field)} then, {getattr(again, field)} now"


def _said(value: str | bool) -> str:
    return "untold in part" if value is True else str(value or "nothing")


def _promises(then: Mapping[str, PromiseSeen], now: Mapping[str, PromiseSeen], *, same: bool) -> Iterator[str]:
    """How two looks at promises differ. Another harness may watch over others, and use other words."""
    for name in sorted({*then, *now} if same else {*then} & {*now}):
        a, b = then.get(name), now.get(name)
        if a is None or b is None:
            yield f"the promise {name}: {'not there' if a is None else 'there'} then, not so now"
            continue
        fields = ("came_to", "known", "untold", *(("reason",) if same else ()))
        differ = [(getattr(a, field), getattr(b, field)) for field in fields if getattr(a, field) != getattr(b, field)]
        # rule: recheck-campaign-promises (skip)
        yield from (f"the promise {name}: {_said(first)} then, {_said(second)} now" for first, second in differ)
