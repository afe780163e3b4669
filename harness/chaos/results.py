"""What plans came to, as records: `chaos.json` of a campaign."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from harness.chaos.coverage import Coverage
from harness.chaos.shards import parse_shard
from harness.words.records import Harness

CAMPAIGN = "chaos.json"
CAMPAIGN_SCHEMA = 2
KEPT, BROKEN, UNKNOWN, NOTHING = WORDS = ("kept", "broken", "unknown", "nothing seen")


class PromiseSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan, or a door of it, shows of a promise.

    came_to  `kept`; `broken`; `unknown`: what there was to see could not be told; `nothing seen`: there was nothing
    reason   in one sentence
    known    where it is known from that this release breaks it so; empty: it is news
    untold   of one that is `broken`: something else of it, or another door, could not be told
    """

    came_to: str
    reason: str = ""
    known: str = ""
    untold: bool = False


class DoorResult(msgspec.Struct, frozen=True, kw_only=True):
    """One door of a plan: the step (the null door has the one after the last), and what its history came to.

    outcome  as of a trial (docs/verdicts.md), and `reason` in one sentence
    folder   where its history lies, from the campaign's folder
    """

    step: int
    deployment: str
    door: str
    outcome: str
    reason: str
    folder: str
    promises: dict[str, PromiseSeen] = {}


class PlanResult(msgspec.Struct, frozen=True, kw_only=True):
    """One plan, by its name (`plan-3`).

    file      its text, from the campaign's folder
    steps     what it does, in words
    executed  the kinds of the steps that were carried out, in order, and `places`: the state that each was in
    in_vain   the numbers of the steps that waited in vain
    promises  what it shows of each promise: the worst that one of its doors shows
    """

    file: str
    seed: int | None
    number: int | None
    steps: Sequence[str]
    executed: Sequence[str]
    places: Sequence[str]
    in_vain: Sequence[int]
    promises: dict[str, PromiseSeen]
    doors: Sequence[DoorResult]
    seconds: float
    cpu_seconds: float

    @property
    def place(self) -> int:
        """Its place in the list of its campaign, from 1 on."""
        return int(self.file.split("/")[1].removeprefix("plan-"))

    @property
    def news(self) -> list[str]:
        """The names of the promises that it broke in a way that is not known."""
        return [name for name in self.of(BROKEN) if not self.promises[name].known]

    def of(self, word: str) -> list[str]:
        """The names of the promises that came to this."""
        return [name for name, promise in self.promises.items() if promise.came_to == word]


class CampaignResult(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign, or a shard of one: what it carries out and on what, and what each plan came to so far.

    seed, steps  what its plans were drawn from; null where they were named as files
    seen         the coverage of the campaigns before, which its plans were drawn by; `coverage` has those of it as well
    planned      the SHA-256 of the text of each plan, in order, of all shards; the texts lie in `planned/`
    shard        which of these it carries out: `3/8` is every eighth from the third on; empty: all
    promise      the promise that its one plan is made smaller for; empty: none is
    until_news   it stops after the first plan with news
    versions     of the parts that are another release than the server, by role
    as_of        the day as of which the subject's packages were resolved
    merged       the runs that were joined
    """

    schema: int
    run: str
    command: str
    subject: str
    version: str
    engine: str
    database: str
    plans: Sequence[PlanResult] = ()
    coverage: Coverage = Coverage()
    exit_code: int | None = None
    seed: int | None = None
    steps: int | None = None
    seen: Coverage = Coverage()
    planned: Sequence[str] = ()
    shard: str = ""
    promise: str = ""
    until_news: bool = False
    start: str = ""
    versions: dict[str, str] = {}
    as_of: str = ""
    harness: Harness | None = None
    merged: Sequence[str] = ()

    @property
    def missing(self) -> list[int]:
        """The places of the plans of its shard that have no result."""
        done = {plan.place for plan in self.plans}
        mine = list(parse_shard(self.shard or "1/1").of(self.planned))
        if self.until_news:
            first = next((plan.place for plan in self.plans if plan.news), None)
            mine = [place for place in mine if first is None or place < first]  # rule: campaign-until-news (always)
        return [place for place in mine if place not in done]  # rule: campaign-goes-on (always)

    def also(self, plan: PlanResult) -> CampaignResult:
        """The same with what one more plan came to."""
        coverage = self.coverage.also(plan.executed, plan.places)
        plans = sorted([*self.plans, plan], key=lambda one: one.place)
        return msgspec.structs.replace(self, plans=plans, coverage=coverage)
