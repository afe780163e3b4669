"""A second look at a campaign of chaos: as it was left, and as somebody might have made it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from harness import cli
from harness.chaos.plans import ChaosPlan
from harness.chaos.results import CAMPAIGN_SCHEMA, CampaignResult
from harness.chaos.text import read_plan, write_plan
from harness.runs.campaign import Bench, Ground
from harness.runs.campaign_ground import opened
from harness.runs.campaign_ledger import CampaignLedger
from harness.runs.recheck_campaign import recheck_campaign
from harness.store.campaigns import digest, keep_planned, plan_file, read_campaign, write_campaign
from harness.store.checksums import write_checksums
from harness.store.results import harness_commit
from harness.words.errors import UsageError
from harness.words.records import Harness
from tests.fakes.fake_lab import DEADLINES, FakeLab
from tests.fakes.ground import fake_ground
from tests.fakes.test_plans_of_chaos import LATE_AND_DEPLOYED, OUTAGE, Campaign, late, plan

DEPLOY_B = "{do: open, door: patch-deployment, of: a}"
Spoil = Callable[[Path], object]


def campaign_of(lab: FakeLab, folder: Path, *plans: ChaosPlan, promise: str = "", shard: str = "") -> Path:
    """The folder of a campaign on a Prefect whose every deploy deletes a run that is late."""
    fake = Campaign(lab, folder)
    for place in range(1, 60):
        family = f"plan-{place}-treated"
        lab.prefect.on(family, "updated", lambda of=family: fake.delete(late(lab.prefect.runs_of(of))[:1]))  # type: ignore[misc]
    engine: Any = fake.engine
    ground = Ground(engine, "3.9.1", {"server": "3.9.1"}, "2030-01-01", {}, "sqlite", "fork", "run", folder)
    new = CampaignResult(
        schema=CAMPAIGN_SCHEMA, run="run", command="nox -s chaos", subject="3.9.1", version="3.9.1", engine="fake",
        database="sqlite", planned=keep_planned(folder, plans), promise=promise, shard=shard, start="fork",
        as_of="2030-01-01", harness=harness_commit(),
    )  # fmt: skip
    with Bench(ground, lambda _: None, DEADLINES, fake.clock) as bench:
        CampaignLedger(folder, new, lambda _: None).carry_on(bench)
    write_checksums(folder)
    return folder


def once(folder: Path, *plans: ChaosPlan, promise: str = "", shard: str = "") -> Path:
    with pytest.MonkeyPatch.context() as patch:
        lab = FakeLab(folder / "lab", fake_ground(patch))
        return campaign_of(lab, folder / "campaign", *plans, promise=promise, shard=shard)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign of two plans, the first of which breaks promises."""
    return once(tmp_path_factory.mktemp("chaos"), plan(*LATE_AND_DEPLOYED), plan(*OUTAGE[:1], DEPLOY_B))


@pytest.fixture
def campaign(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "campaign"))


@pytest.fixture(scope="module")
def reduction(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan of four steps that was made smaller."""
    return once(tmp_path_factory.mktemp("reduction"), plan(*LATE_AND_DEPLOYED), promise="overdue")


def check(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = cli.main(["recheck", str(path)])
    return code, capsys.readouterr().out


def said(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change chaos.json."""
    path = folder / "chaos.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    change(found)
    path.write_text(json.dumps(found), encoding="utf-8")


def history(folder: Path, place: int = 1) -> Path:
    (path,) = (folder / "plans" / f"plan-{place}" / "trials").glob("*/history.jsonl")
    return path


def lines(folder: Path, change: Callable[[list[str]], Iterator[str] | list[str]]) -> None:
    """Change the lines of the first plan's history."""
    path = history(folder)
    path.write_text("\n".join(change(path.read_text(encoding="utf-8").splitlines())) + "\n", encoding="utf-8")


def with_sums(folder: Path, spoil: Spoil) -> list[str]:
    """What a second look says of what was changed by someone who made the checksums anew."""
    spoil(folder)
    write_checksums(folder)
    return recheck_campaign(folder).objections


def test_a_campaign_that_nobody_touched_holds(
    campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = check(campaign, capsys)
    assert (code, told.splitlines()[-1]) == (0, "2 of 2 plans came to the same"), told
    archive = tmp_path / "campaign.tar.gz"
    assert cli.main(["bundle", str(campaign), "--into", str(archive)]) == 0
    capsys.readouterr()
    code, told = check(archive, capsys)
    assert (code, told.splitlines()[-1]) == (0, "2 of 2 plans came to the same"), told


def test_a_file_that_was_changed_is_named(campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history(campaign).write_text("", encoding="utf-8")
    code, told = check(campaign, capsys)
    assert code == 1 and f"{history(campaign).relative_to(campaign)}' was changed" in told.replace("\n", "")


def of(change: Callable[[dict[str, Any]], object]) -> Spoil:
    return lambda folder: said(folder, change)


def promise(found: dict[str, Any], **changes: object) -> None:
    found["plans"][0]["promises"]["overdue"].update(changes)


def door(found: dict[str, Any], **changes: object) -> None:
    found["plans"][0]["doors"][0].update(changes)


def drop_looks(all_lines: list[str]) -> list[str]:
    return [line for line in all_lines if json.loads(line)["kind"] != "look"]


def other_text(folder: Path) -> None:
    """The text of the first plan, and all that says which it is, but not its histories."""
    smaller = plan(*OUTAGE, "{do: move-clock, minutes: 6}", LATE_AND_DEPLOYED[3])
    for path in (folder / plan_file(1), folder / "planned" / "plan-1.yaml"):
        write_plan(smaller, path)
    said(folder, lambda found: found["planned"].__setitem__(0, digest(smaller)))


def swap(folder: Path) -> None:
    """The history of the second plan in place of the first one's."""
    history(folder).write_bytes(history(folder, 2).read_bytes())


@pytest.mark.rule("recheck-campaign-promises", "A promise that the histories do not show so is refused.")
def test_a_promise_that_was_changed_is_refused(campaign: Path) -> None:
    told = with_sums(campaign, of(lambda found: promise(found, came_to="kept")))
    assert any(line.startswith("'plan-1': the promise overdue: kept then, broken now") for line in told), told


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (of(lambda found: door(found, outcome="survived")), "outcome survived then, lost now"),
        (of(lambda found: door(found, reason="")), "the door at step 4 on a: reason"),
        (of(lambda found: door(found, door="none")), "door none then, prefect-deploy now"),
        (of(lambda found: found["plans"][0]["doors"].clear()), "0 doors then, 1 now"),
        (of(lambda found: found["plans"][0]["promises"].pop("ticks")), "the promise ticks: not there then"),
        (of(lambda found: promise(found, untold=True)), "the promise overdue: untold in part then, nothing now"),
        (of(lambda found: found["plans"][0]["steps"].pop()), "'plan-1': steps: "),
        (lambda folder: lines(folder, drop_looks), "outcome lost then, error now"),
        (lambda folder: lines(folder, lambda all_lines: all_lines[:-3]), "'plan-1': "),
        (lambda folder: shutil.rmtree(folder / "planned"), "is no plan any more"),
        (lambda folder: (folder / plan_file(1)).unlink(), "its text is gone"),
    ],
)
def test_what_does_not_follow_from_the_histories_is_refused(campaign: Path, spoil: Spoil, why: str) -> None:
    told = with_sums(campaign, spoil)
    assert any(why in line for line in told), told


@pytest.mark.rule("recheck-campaign-every-plan", "A plan of the shard without a result is missed.")
def test_a_plan_that_was_removed_is_missed(campaign: Path) -> None:
    def spoil(folder: Path) -> None:
        shutil.rmtree(folder / "plans" / "plan-2")
        said(folder, lambda found: found["plans"].pop())

    assert "plan-2 has no result" in with_sums(campaign, spoil)


@pytest.mark.rule("recheck-campaign-plan-without-entry", "The folder of a plan without an entry is refused.")
def test_an_entry_that_was_removed_alone_is_missed_as_a_folder(campaign: Path) -> None:
    told = with_sums(campaign, of(lambda found: found["plans"].pop()))
    assert "plans/plan-2 has no entry in chaos.json" in told


@pytest.mark.rule("recheck-campaign-drawn", "Plans that the seed does not draw are refused.")
def test_plans_that_the_seed_does_not_draw_are_refused(campaign: Path) -> None:
    assert "the seed 7 draws other plans" in with_sums(campaign, of(lambda found: found.update(seed=7, steps=4)))
    assert any(
        "are none that a seed draws" in line for line in with_sums(campaign, of(lambda one: one.update(steps=41)))
    )


@pytest.mark.rule("recheck-campaign-coverage", "A coverage that its plans do not add up to is refused.")
def test_another_coverage_is_refused(campaign: Path) -> None:
    told = with_sums(campaign, of(lambda found: found["coverage"]["steps"].clear()))
    assert "the coverage is not that of its plans" in told


@pytest.mark.rule("recheck-campaign-executed", "Steps that the histories do not tell of were not executed.")
@pytest.mark.parametrize("change", [lambda one: one["executed"].pop(), lambda one: one["in_vain"].append(3)])
def test_steps_that_were_executed_by_chaos_json_alone_are_refused(
    campaign: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    told = with_sums(campaign, of(lambda found: change(found["plans"][0])))
    assert any("its histories tell of other steps" in line for line in told), told


@pytest.mark.rule("recheck-campaign-exit-code", "An exit code that the plans do not come to is refused.")
def test_another_exit_code_is_refused(campaign: Path) -> None:
    told = with_sums(campaign, of(lambda found: found.update(exit_code=0)))
    assert "chaos.json says exit code 0; its plans come to 1" in told


@pytest.mark.rule("recheck-campaign-history-gone", "A door without a history is missed.")
@pytest.mark.rule("recheck-campaign-added-trial", "A history of no door of the plan is refused.")
def test_a_history_that_was_removed_is_missed_and_one_that_was_added_refused(campaign: Path) -> None:
    told = with_sums(campaign, lambda folder: history(folder).unlink())
    assert any("its history is gone" in line for line in told), told
    there = history(campaign, 2).parent
    told = with_sums(campaign, lambda _: shutil.copytree(there, there.parent / "other"))
    assert any("other is of no door of the plan" in line for line in told), told


@pytest.mark.rule("recheck-campaign-other-trial", "The history of another trial is none of this one.")
def test_another_history_or_another_plan_is_refused(campaign: Path) -> None:
    told = with_sums(campaign, swap)
    assert any("its history is of another trial" in line for line in told), told
    assert any("holds the history of" in line for line in told), told


@pytest.mark.rule("recheck-campaign-other-plan", "A history that tells of other steps is none of this plan.")
def test_a_plan_that_was_changed_everywhere_is_refused_by_its_histories(campaign: Path) -> None:
    told = with_sums(campaign, other_text)
    assert any("its histories tell of another plan" in line for line in told), told


@pytest.mark.rule("recheck-campaign-planned-text", "A plan that was carried out is the one that was planned.")
def test_the_text_of_a_plan_is_the_planned_one(campaign: Path) -> None:
    told = with_sums(campaign, lambda folder: (folder / plan_file(1)).write_bytes((folder / plan_file(2)).read_bytes()))
    assert any("its text is not the one that was planned" in line for line in told), told


@pytest.mark.rule("recheck-campaign-version", "A server that said another version is refused.")
def test_another_version_is_refused(campaign: Path) -> None:
    told = with_sums(
        campaign,
        lambda folder: lines(
            folder, lambda them: [line.replace('"said": "3.9.1"', '"said": "3.9.2"') for line in them]
        ),
    )
    assert any("its server said that it is 3.9.2" in line for line in told), told


@pytest.mark.rule("recheck-campaign-other-commit", "Another harness may draw otherwise, and say reasons otherwise.")
def test_another_harness_may_say_it_in_other_words(campaign: Path) -> None:
    def spoil(folder: Path) -> None:
        other = Harness(commit="0" * 40, dirty=False)
        write_campaign(folder, replace(read_campaign(folder), harness=other, seed=7, steps=4))
        said(folder, lambda found: door(found, reason="in other words"))

    assert with_sums(campaign, spoil) == []
    assert with_sums(campaign, of(lambda found: promise(found, came_to="kept"))) != []


def test_a_campaign_that_was_cut_off_says_so(campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (campaign / "SHA256SUMS").unlink()
    said(campaign, lambda found: found.update(exit_code=None))
    code, told = check(campaign, capsys)
    assert code == 1 and "(!) chaos.json has no exit code: the campaign was cut off\n2 of 2 plans" in told


@pytest.mark.rule("recheck-campaign-reduced", "The plan that a reduction came to is made again from its tries.")
def test_a_reduction_is_made_again(reduction: Path, tmp_path: Path) -> None:
    assert recheck_campaign(reduction).objections == []
    small = read_plan(reduction / "reduced.yaml")
    assert len(small.steps) < 4
    copied = Path(shutil.copytree(reduction, tmp_path / "copy"))
    told = with_sums(copied, lambda folder: write_plan(plan(*LATE_AND_DEPLOYED), folder / "reduced.yaml"))
    assert told == ["reduced.yaml is not the plan that its tries come to"]


def test_a_try_that_was_removed_from_a_reduction_is_missed(reduction: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(reduction, tmp_path / "copy"))

    def spoil(folder: Path) -> None:
        last = read_campaign(folder).plans[-1].place
        shutil.rmtree(folder / "plans" / f"plan-{last}")
        said(folder, lambda found: found["plans"].pop())

    told = with_sums(copied, spoil)
    assert "its plans are not those that a reduction tries, in order" in told


@pytest.mark.rule("campaign-goes-on-sound", "A campaign that was changed is not gone on with: nothing is washed clean.")
def test_a_campaign_that_was_changed_is_not_gone_on_with(campaign: Path) -> None:
    begun = read_campaign(campaign)
    assert opened(campaign, begun, []) == begun
    (campaign / "SHA256SUMS").unlink()
    said(campaign, lambda found: promise(found, came_to="kept"))
    with pytest.raises(UsageError, match="does not hold, and is not gone on with: 'plan-1': the promise overdue"):
        opened(campaign, read_campaign(campaign), [])
