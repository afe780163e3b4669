"""Mutants that are found from the promises alone: after how many plans, and made how small."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from harness import cli
from harness.chaos.coverage import Coverage
from harness.chaos.draw import draw, draw_several
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import BROKEN, KEPT, UNKNOWN, CampaignResult, PlanResult, PromiseSeen
from harness.commands import power
from harness.runs import power_by_chaos
from harness.runs.power_by_chaos import ByChaos, in_short, row_of
from harness.subjects.release import Release
from tests.unit.test_campaigns import Cut, FakeEngine, Machine, machine

__all__ = ["machine"]

MUTANT = "3.9.1+delete-one-late-run"


def result(*came_to: str, known: str = "", planned: int = 3) -> CampaignResult:
    """A campaign until news: what each of its plans came to."""
    plans = [
        PlanResult(
            file=f"plans/plan-{place}/plan.yaml", seed=1, number=place, steps=["x"] * 12, executed=[], places=[],
            in_vain=[], promises={"overdue": PromiseSeen(came_to=word, known=known)}, doors=[], seconds=2,
            cpu_seconds=1,
        )
        for place, word in enumerate(came_to, start=1)
    ]  # fmt: skip
    return CampaignResult(
        schema=2, run="r", command="c", subject="3.9.1", version="3.9.1", engine="e", database="sqlite", plans=plans,
        coverage=Coverage(), planned=["0"] * planned, until_news=True,
    )  # fmt: skip


@pytest.mark.rule("power-by-chaos-finds", "A mutant is found by news, and news of the release itself is a false alarm.")
@pytest.mark.rule("power-by-chaos-no-verdict", "A campaign that was cut off or kept nothing says nothing of a mutant.")
@pytest.mark.parametrize(
    ("found", "of_a_mutant", "of_the_release"),
    [
        (result(KEPT, BROKEN), "found", "false alarm"),
        (result(KEPT, KEPT, KEPT), "not found", "quiet"),
        (result(KEPT, UNKNOWN, KEPT), "not found", "quiet"),
        (result(BROKEN, BROKEN, BROKEN, known="PrefectHQ/prefect#1"), "no verdict", "no verdict"),
        (result(KEPT, KEPT), "no verdict", "no verdict"),
        (result(UNKNOWN, UNKNOWN, UNKNOWN), "no verdict", "no verdict"),
    ],
)
def test_what_a_campaign_shows_of_a_mutant_and_of_the_release(
    found: CampaignResult, of_a_mutant: str, of_the_release: str
) -> None:
    assert row_of(MUTANT, found, None, None, is_mutant=True).verdict == of_a_mutant
    assert row_of("3.9.1", found, None, None, is_mutant=False).verdict == of_the_release


def test_a_row_says_after_how_many_plans_and_what_it_took() -> None:
    smallest = replace(draw(1, 1, 3))
    row = row_of(MUTANT, result(KEPT, BROKEN), result(BROKEN, BROKEN, BROKEN, KEPT), smallest, is_mutant=True)
    assert (row.plans, row.cpu_seconds, row.news, row.steps) == (2, 2, ["overdue"], 12)
    assert (row.shrunk, row.tries, row.shrinking) == (3, 4, 4)


def test_in_short_it_says_how_many_were_found_and_the_median_of_their_steps() -> None:
    def row(verdict: str, plans: int, shrunk: int | None) -> ByChaos:
        return ByChaos(name="m", verdict=verdict, news=(), plans=plans, seconds=1, cpu_seconds=1, shrunk=shrunk)

    rows = [
        row("found", 2, 3),
        row("found", 7, 4),
        row("found", 1, 2),
        row("not found", 30, None),
        row("quiet", 30, None),
    ]
    says = "3 of 4 mutants found from the promises alone, after 7 plans at the most; the median shrunk plan has 3 steps"
    assert in_short(rows) == says
    assert in_short(rows[3:]) == "0 of 1 mutants found from the promises alone"


@pytest.fixture
def looking(machine: Machine) -> Machine:
    for module in (power, power_by_chaos):
        machine.patch.setattr(module, "choose_engine", lambda _: (FakeEngine(), "a fake"))
        machine.patch.setattr(module, "resolve", lambda asked, *_: Release(asked, "3.9.1", "2030-01-01", ""))
    machine.patch.setattr(power, "sweep", lambda _: None)
    return machine


def ask(machine: Machine, *words: str) -> int:
    said = ["power", "--by", "chaos", "--subject", "3.9.1", "--mutant", "delete-one-late-run", "--plans", "4"]
    return cli.main([*said, "--into", str(machine.folder / "power"), *words])


def breaks_on_a_freeze(plan: ChaosPlan) -> bool:
    return any(step.kind == "hurt worker-frozen" for step in plan.steps)


def test_a_mutant_that_is_found_is_made_small_and_the_release_is_quiet(
    looking: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    first = next(n for n, plan in enumerate(draw_several(1, 4, 12), start=1) if breaks_on_a_freeze(plan))
    benches = looking.benches

    def breaks(plan: ChaosPlan) -> bool:
        return "delete-one-late-run" in str(benches[-1].folder) and breaks_on_a_freeze(plan)

    looking.breaks = breaks
    assert ask(looking, "--shrink") == 0
    text = capsys.readouterr().out
    assert f"1 of 1 mutants found from the promises alone, after {first} plans at the most; the median" in text
    assert "the median shrunk plan has 1 steps" in text
    assert [len(bench.tried) for bench in benches[:2]] == [first, 4]
    built = looking.built
    assert ask(looking, "--shrink") == 0
    assert looking.built == built, "what was carried out is not done again"


def test_what_was_cut_off_is_gone_on_with(looking: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    looking.lives = 2
    with pytest.raises(Cut):
        ask(looking)
    assert "go on:    nox -s power -- " in capsys.readouterr().out
    looking.lives = 1000
    assert ask(looking) == 1
    assert [bench.tried for bench in looking.benches] == [[1, 2], [3, 4], [1, 2, 3, 4]]
    assert "0 of 1 mutants found from the promises alone" in capsys.readouterr().out


def test_a_false_alarm_of_the_release_itself_is_1(looking: Machine) -> None:
    looking.breaks = lambda _: True
    assert ask(looking) == 1


def test_too_many_steps_are_refused(looking: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(looking, "--steps", "41") == 2
    assert "at most 40 steps" in capsys.readouterr().err
