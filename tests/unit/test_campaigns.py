"""Campaigns of chaos: what is cut off is gone on with, and several machines share one."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import cli
from harness.chaos.draw import draw_several
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import BROKEN, KEPT, CampaignResult, PlanResult, PromiseSeen
from harness.chaos.shards import Shard, parse_shard, shard_of_environment
from harness.chaos.text import read_plan, write_plan
from harness.commands import chaos
from harness.runs import campaign_ground
from harness.runs.campaign_ledger import CampaignLedger
from harness.runs.recheck_campaign import PlansLook
from harness.store import campaigns
from harness.store.campaigns import plan_file, read_campaign
from harness.store.checksums import check_checksums
from harness.subjects.release import Release
from harness.words.errors import UsageError


class Cut(BaseException):
    """The power fails."""


class FakeBench:
    """Carries plans out by saying so; after `lives` of them, and half of one more, the power fails."""

    def __init__(self, folder: Path, lives: int, breaks: Callable[[ChaosPlan], bool]) -> None:
        self.folder, self.lives, self.breaks = folder, lives, breaks
        self.tried: list[int] = []
        self.first_lab = 1

    def __enter__(self) -> FakeBench:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def labs_before(self, number: int) -> None:
        self.first_lab = number + 1

    def carry_out(self, plan: ChaosPlan, place: int) -> PlanResult:
        (self.folder / plan_file(place)).parent.mkdir(parents=True)
        write_plan(plan, self.folder / plan_file(place))
        (self.folder / "labs" / f"lab-{self.first_lab}").mkdir(parents=True, exist_ok=True)
        if len(self.tried) == self.lives:
            raise Cut
        self.tried.append(place)
        kinds = [step.kind for step in plan.steps]
        word = BROKEN if self.breaks(plan) else KEPT
        return PlanResult(
            file=plan_file(place), seed=plan.seed, number=plan.number, steps=[str(step) for step in plan.steps],
            executed=kinds, places=kinds, in_vain=[], promises={"overdue": PromiseSeen(came_to=word)}, doors=[],
            seconds=1.0, cpu_seconds=1.0,
        )  # fmt: skip


class Machine:
    """Where `harness chaos` is called; the release that `3.9.1` is there, and how many plans it lives."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.patch, self.folder = patch, folder
        self.release = Release("3.9.1", "3.9.1", "2030-01-01", "")
        self.lives = 1000
        self.breaks: Callable[[ChaosPlan], bool] = lambda _: False
        self.benches: list[FakeBench] = []
        self.built = 0
        patch.setattr(chaos, "choose_engine", lambda _: (FakeEngine(), "a fake"))
        patch.setattr(chaos, "resolve", lambda *_: self.release)
        patch.setattr(chaos, "sweep", lambda _: None)
        patch.setattr(campaign_ground, "_ground", self.ground)
        patch.setattr(
            campaign_ground, "recheck_campaign", lambda _: PlansLook("", [], "", 0, 0)
        )  # no plan has a history
        patch.setattr(campaign_ground, "Bench", lambda folder, _: self.bench(folder))
        for name in (
            "CHAOS_SHARD_INDEX",
            "CHAOS_SHARD_TOTAL",
            "JOB_COMPLETION_INDEX",
            "CI_NODE_INDEX",
            "CI_NODE_TOTAL",
        ):
            patch.delenv(name, raising=False)

    @contextmanager
    def ground(self, ledger: CampaignLedger, *_: object) -> Iterator[Path]:
        self.built += 1
        yield ledger.folder

    def bench(self, folder: Path) -> FakeBench:
        self.benches.append(FakeBench(folder, self.lives, self.breaks))
        return self.benches[-1]

    def chaos(self, *words: str) -> int:
        return cli.main(["chaos", *words])

    def begin(self, *words: str, into: str = "campaign") -> int:
        return self.chaos("--subject", "3.9.1", "--into", str(self.folder / into), *words)

    def result(self, of: str = "campaign") -> CampaignResult:
        return read_campaign(self.folder / of)

    def places(self, of: str = "campaign") -> list[int]:
        return [plan.place for plan in self.result(of).plans]


class FakeEngine:
    name = "processes"
    resolve_image = None

    def target(self) -> str:
        return ""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


@pytest.mark.rule("campaign-goes-on", "A campaign that is gone on with carries out only the plans without a result.")
def test_what_was_cut_off_is_gone_on_with_and_comes_to_the_same(machine: Machine) -> None:
    machine.lives = 2
    with pytest.raises(Cut):
        machine.begin("--plans", "4", "--seed", "7")
    cut = machine.result()
    assert (machine.places(), cut.exit_code) == ([1, 2], None)
    assert (machine.folder / "campaign" / plan_file(3)).exists()
    machine.lives = 1000
    assert machine.chaos("--resume", str(machine.folder / "campaign")) == 0
    assert [bench.tried for bench in machine.benches] == [[1, 2], [3, 4]]
    assert machine.benches[1].first_lab == 2
    assert check_checksums(machine.folder / "campaign") == []
    machine.begin("--plans", "4", "--seed", "7", into="at-once")
    then, now = machine.result("at-once"), machine.result()
    assert (now.plans, now.coverage, now.planned) == (then.plans, then.coverage, then.planned)
    assert cut.command == now.command


def test_a_campaign_that_has_all_its_results_starts_no_lab_again(machine: Machine) -> None:
    machine.breaks = lambda _: True
    for _ in range(2):
        assert machine.begin("--plans", "2") == 1
    assert (machine.built, len(machine.benches)) == (1, 1)


def test_into_begins_a_campaign_and_goes_on_with_it(machine: Machine) -> None:
    machine.lives = 1
    with pytest.raises(Cut):
        machine.begin("--plans", "3")
    machine.lives = 1000
    assert machine.begin("--plans", "3") == 0
    assert machine.benches[1].tried == [2, 3]


@pytest.mark.rule(
    "campaign-goes-on-with-the-same", "A campaign is gone on with by the same release, harness and plans."
)
@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--seed", "8"), "the seed: 7 and 8"),
        (("--plans", "4"), "the plans"),
        (("--steps", "3"), "steps of a plan: 12 and 3"),
        (("--shard", "1/2"), "the shard: none and 1/2"),
        (("--database", "postgres"), "the database: sqlite and postgres"),
    ],
)
def test_other_options_do_not_go_on_with_a_campaign(
    machine: Machine, words: tuple[str, ...], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.begin("--seed", "7")
    assert machine.begin("--seed", "7", *words) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert what in said


@pytest.mark.parametrize("other", [("3.9.2", "2030-01-01"), ("3.9.1", "2030-01-02")])
def test_another_release_does_not_go_on_with_a_campaign(
    machine: Machine, other: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    machine.lives = 1
    with pytest.raises(Cut):
        machine.begin()
    machine.release = Release("3.9.1", *other, "")
    assert machine.chaos("--resume", str(machine.folder / "campaign")) == 2
    assert "Prefect: 3.9.1 and 3.9.2" in (said := capsys.readouterr().err) or "2030-01-01 and 2030-01-02" in said
    assert machine.places() == [1]


def test_a_resume_takes_no_other_option_and_wants_a_campaign(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.begin()
    assert machine.chaos("--resume", str(machine.folder / "campaign"), "--seed", "2") == 2
    assert machine.chaos("--resume", str(machine.folder / "none")) == 2
    said = capsys.readouterr().err
    assert "leave the other options out" in said and "holds no campaign" in said


@pytest.mark.rule("campaign-same-plans", "A plan whose text was changed is not carried out as that of the campaign.")
@pytest.mark.parametrize("spoil", ["changed", "gone", "garbled"])
def test_a_plan_that_was_changed_is_not_carried_out(
    machine: Machine, spoil: str, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.lives = 1
    with pytest.raises(Cut):
        machine.begin()
    path = machine.folder / "campaign" / "planned" / "plan-3.yaml"
    if spoil == "gone":
        path.unlink()
    else:
        path.write_text({"changed": path.read_text().replace("seed: 1", "seed: 2"), "garbled": "{"}[spoil])
    assert machine.chaos("--resume", str(machine.folder / "campaign")) == 2
    assert "put back what was there" in capsys.readouterr().err


def test_two_commands_do_not_carry_out_one_campaign(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.begin()
    with campaigns.held(machine.folder / "campaign"):
        assert machine.begin() == 2
    assert "Another command carries out the campaign" in capsys.readouterr().err


@pytest.mark.rule("campaign-reduction-goes-on", "A reduction that is gone on with tries no plan again that it tried.")
def test_a_reduction_is_gone_on_with(machine: Machine) -> None:
    (plan,) = draw_several(9, 1, 12)
    write_plan(plan, machine.folder / "mine.yaml")
    machine.breaks = lambda one: any(step.kind == "hurt worker-frozen" for step in one.steps)
    assert machine.breaks(plan)
    words = ["--plan", str(machine.folder / "mine.yaml"), "--reduce", "overdue"]
    assert machine.begin(*words, into="at-once") == 1
    machine.lives = 5
    with pytest.raises(Cut):
        machine.begin(*words)
    machine.lives = 1000
    assert machine.chaos("--resume", str(machine.folder / "campaign")) == 1
    at_once, first, second = (bench.tried for bench in machine.benches)
    assert (first, second[0], first + second) == ([1, 2, 3, 4, 5], 6, at_once)
    reduced = [(machine.folder / name / "reduced.yaml").read_text() for name in ("at-once", "campaign")]
    assert reduced[0] == reduced[1] and reduced[0].count("- {do:") == 1


@pytest.mark.rule("campaign-until-news", "A campaign until news carries out no plan after the first that has some.")
def test_a_campaign_until_news_stops_after_the_first_plan_that_breaks_a_promise(machine: Machine) -> None:
    third = draw_several(1, 5, 12)[2]
    machine.breaks = lambda one: one == third
    assert machine.begin("--plans", "5", "--until-news") == 1
    assert machine.places() == [1, 2, 3] and machine.result().missing == []
    assert machine.begin("--plans", "5", "--until-news") == 1
    assert machine.built == 1
    machine.breaks = lambda _: False
    assert machine.begin("--plans", "5", "--until-news", into="none") == 0
    assert machine.places("none") == [1, 2, 3, 4, 5]


def test_each_plan_is_in_one_shard(machine: Machine) -> None:
    for number in (1, 2, 3):
        machine.begin("--plans", "7", "--shard", f"{number}/3", into=f"shard-{number}")
    assert [machine.places(f"shard-{number}") for number in (1, 2, 3)] == [[1, 4, 7], [2, 5], [3, 6]]
    results = [machine.result(f"shard-{number}") for number in (1, 2, 3)]
    assert results[0].planned == results[1].planned == results[2].planned and len(results[0].planned) == 7


def test_a_shard_that_has_no_plan_has_nothing_to_see(machine: Machine) -> None:
    assert machine.begin("--plans", "1", "--shard", "2/2") == 125
    assert machine.built == 0


@pytest.mark.parametrize(
    "words", ["0/8", "9/8", "3", "3/", "/8", "3/8/1", "-1/8", "3/08", "3 / 8", "three/8", "1/10001"]
)
def test_what_is_no_shard_is_refused_in_a_line(
    words: str, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.begin(f"--shard={words}") == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert repr(words) in said and "3/8: the third of eight" in said


@pytest.mark.parametrize(
    ("variables", "shard"),
    [
        ({"JOB_COMPLETION_INDEX": "2", "CHAOS_SHARD_TOTAL": "8"}, "3/8"),
        ({"CI_NODE_INDEX": "3", "CI_NODE_TOTAL": "8"}, "3/8"),
        ({"CHAOS_SHARD_INDEX": "2", "CHAOS_SHARD_TOTAL": "8"}, "3/8"),
        ({"CHAOS_SHARD_INDEX": "0", "CHAOS_SHARD_TOTAL": "1"}, "1/1"),
        ({"CI_NODE_TOTAL": "1"}, ""),  # of every GitLab job
        ({}, ""),
    ],
)
def test_a_shard_is_read_from_the_variables_of_the_machines(
    variables: dict[str, str], shard: str, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, said in variables.items():
        machine.patch.setenv(name, said)
    machine.begin("--plans", "8")
    assert machine.result().shard == shard
    assert ("shard: 3/8, by " in capsys.readouterr().out) == (shard == "3/8")
    assert machine.begin("--plans", "8", "--shard", "1/8", into="asked") == 0
    assert machine.result("asked").shard == "1/8"


@pytest.mark.rule("shard-wants-both", "An index without a number of shards, or that number alone, is refused.")
@pytest.mark.parametrize(
    "variables",
    [{"JOB_COMPLETION_INDEX": "2"}, {"CI_NODE_INDEX": "2"}, {"CHAOS_SHARD_INDEX": "2"}, {"CHAOS_SHARD_TOTAL": "8"}],
)
def test_half_of_a_shard_is_refused_in_a_line(variables: dict[str, str]) -> None:
    with pytest.raises(UsageError) as raised:
        shard_of_environment(variables)
    (line,) = str(raised.value).splitlines()
    assert next(iter(variables)) in line


@pytest.mark.rule("shard-of-a-number", "Variables that are no whole numbers, or not one of so many, are refused.")
@pytest.mark.parametrize(
    ("index", "total", "variables"),
    [
        (index, total, names)
        for names in (("CI_NODE_INDEX", "CI_NODE_TOTAL"), ("JOB_COMPLETION_INDEX", "CHAOS_SHARD_TOTAL"))
        for index, total in itertools.product(("", "x", "-1", "1.0", "9", "8" if names[0][:2] == "JO" else "0"), ("8",))
    ]
    + [("1", total, ("CI_NODE_INDEX", "CI_NODE_TOTAL")) for total in ("0", "", "many", "-8", "99999")],
)
def test_variables_that_say_no_shard_are_refused_in_a_line(index: str, total: str, variables: tuple[str, str]) -> None:
    with pytest.raises(UsageError) as raised:
        shard_of_environment(dict(zip(variables, (index, total), strict=True)))
    assert len(str(raised.value).splitlines()) == 1


def test_every_plan_is_in_one_shard_whatever_their_number() -> None:
    for total in range(1, 12):
        places = [place for number in range(1, total + 1) for place in Shard(number, total).of(range(10))]
        assert sorted(places) == list(range(1, 11))
    assert parse_shard("3/8").of(range(20)) == {3: 2, 11: 10, 19: 18}


def test_a_reduction_and_a_drawing_are_not_divided(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.patch.setenv("JOB_COMPLETION_INDEX", "2")
    assert machine.chaos("--draw-only", "--results", str(machine.folder), "--shard", "1/2") == 2
    assert "not divided" in capsys.readouterr().err
    assert machine.chaos("--draw-only", "--results", str(machine.folder)) == 0


def test_plans_are_drawn_into_a_folder_with_nothing_in_it(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    into = "--draw-only", "--into", str(machine.folder / "of")
    assert machine.chaos(*into) == 0
    assert len(list((machine.folder / "of").iterdir())) == 3
    assert machine.chaos(*into, "--plans", "1") == 2
    assert "is not empty" in capsys.readouterr().err


def test_a_folder_of_plans_is_carried_out_in_their_order(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = machine.folder / "drawn"
    assert machine.chaos("--draw-only", "--into", str(drawn), "--plans", "11") == 0
    assert machine.chaos("--draw-only", "--into", str(machine.folder / "of"), "--plan", str(drawn)) == 0
    for number in (2, 10, 11):
        name = f"plan-{number}.yaml"
        assert (machine.folder / "of" / name).read_text("utf-8") == (drawn / name).read_text("utf-8")
    empty = machine.folder / "empty"
    empty.mkdir()
    for words, why in ((["--plan", str(empty)], "has no plans"), (["--plan", str(drawn), "--reduce", "once"], "FILE")):
        assert machine.chaos(*words) == 2
        assert why in capsys.readouterr().err


def test_plans_without_a_step_can_be_asked_for(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert machine.chaos("--draw-only", "--results", str(machine.folder / "of"), "--steps", "0", "--plans", "2") == 0
    assert [read_plan(path).steps for path in machine.folder.glob("of/*/plan-*.yaml")] == [[], []]
    assert machine.chaos("--draw-only", "--results", str(machine.folder), "--plans", "0") == 2
    assert "'0' is not a number from 1 to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda said: said.clear(), "no readable chaos.json"),
        (lambda said: said.update(schema=1), "has schema 1"),
        (lambda said: said.update(plans="x"), "`plans` must be a list, not 'x'"),
        (lambda said: said["plans"][0].update(file="plans/../plan.yaml"), "which was not planned"),
    ],
)
def test_what_is_no_campaign_is_refused(
    machine: Machine, spoil: Callable[[dict[str, Any]], None], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.begin()
    path = machine.folder / "campaign" / "chaos.json"
    said = json.loads(path.read_text())
    spoil(said)
    path.write_text(json.dumps(said))
    assert machine.chaos("--resume", str(machine.folder / "campaign")) == 2
    assert why in capsys.readouterr().err
