"""What a campaign of chaos leaves for a reader: a picture and a report of a plan, a page and a summary of them all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from harness.chaos.coverage import KINDS
from harness.chaos.draw import draw
from harness.chaos.results import BROKEN, PromiseSeen
from harness.chaos.text import plan_of
from harness.evidence import Campaign, JudgedPlan, made_again
from harness.evidence.plan_report import in_words
from harness.evidence.plan_story import tell_plan
from harness.runs.plan_result import plan_again
from harness.runs.recheck_campaign import recheck_campaign
from harness.store.campaigns import plan_file, read_campaign
from harness.store.checksums import write_checksums
from tests.fakes.test_plans_of_chaos import LATE_AND_DEPLOYED, OUTAGE, A, B, plan
from tests.fakes.test_recheck_campaign import once

LIFT = "{do: lift, fault: worker-killed}"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan that breaks promises on the first of two deployments, the same once more, and one that breaks none."""
    breaks = plan(*LATE_AND_DEPLOYED, LIFT, "{do: wait, until: done, of: b}", deployments=[A, B])
    return once(tmp_path_factory.mktemp("shown"), breaks, breaks, plan(*OUTAGE))


@pytest.fixture
def campaign(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "campaign"))


def judged(folder: Path, place: int = 1) -> JudgedPlan:
    result = read_campaign(folder)
    text = plan_of((folder / plan_file(place)).read_text(encoding="utf-8"))
    again = plan_again(text, place, (folder / plan_file(place)).parent, result)
    return JudgedPlan(text, result.plans[place - 1], again.doors, result)


def report(folder: Path, place: int = 1) -> str:
    return (folder / "plans" / f"plan-{place}" / "report.md").read_text(encoding="utf-8")


def test_a_plan_that_broke_a_promise_has_a_report_with_its_steps_in_words_and_how_often(campaign: Path) -> None:
    text = report(campaign)
    assert text.startswith("# Prefect 3.9.1: 6 steps break `overdue`, `ticks`\n")
    assert "it is news" in text
    assert "4. `a` is updated by `prefect-deploy`: " in text and "**This broke `overdue`, `ticks`.**" in text
    assert (
        "\n1. The worker is killed, and none is started.\n2. The clock of the whole lab is moved 11 minutes ahead."
        in text
    )
    assert "5. A worker is started again.\n" in text and "What is still hurt" not in text
    assert "- `overdue`: this plan was carried out 2 times, and broke it 2 of 2 (95 %: 34% to 100%)\n" in text
    assert "- `overdue`: 0 of 1 other plans of the campaign broke it\n" in text
    assert plan_of(text.partition("```yaml\n")[2].partition("\n```")[0] + "\n") == judged(campaign).plan
    assert len(re.findall(r"\| treated \| `[0-9a-f-]+` \|.*\*\*lost\*\*", text)) == 1
    assert not (campaign / "plans" / "plan-3" / "report.md").exists()
    assert not list(campaign.rglob("not-written.txt"))


def test_the_report_has_the_numbers_of_the_twin_as_the_control(campaign: Path) -> None:
    (row,) = [line for line in report(campaign).splitlines() if line.startswith("| 4 | `prefect-deploy`, `a` |")]
    assert [cell.strip() for cell in row.split("|")[3:8]] == ["2", "1", "2", "2", "0"]


def test_the_story_of_a_plan_has_every_deployment_and_every_step(campaign: Path) -> None:
    told = tell_plan(judged(campaign))
    assert told
    sides = list(dict.fromkeys(row.side.partition(":")[0] for row in told.story.rows))
    assert sides == ["a", "b", "the twin, never updated"]
    assert [step.number for step in told.steps] == [1, 2, 3, 4, 5, 6]
    assert [step.broken for step in told.steps if step.broken] == [("overdue", "ticks")]
    lost = {row.run: row for row in told.story.rows if row.fate == "lost"}
    assert len(lost) == 1
    (door,) = [step for step in told.steps if step.kind == "door"]
    assert all(door.span.start <= row.segments[-1].end <= door.span.end for row in lost.values())
    (fault,) = told.story.spans
    assert (fault.name, fault.start, fault.end) == ("worker-killed", told.steps[0].span.start, told.steps[4].span.end)
    assert len({row.run for row in told.story.rows}) == len(told.story.rows)
    assert (told.story.end - told.story.start).total_seconds() < 300, "a move of the clock takes no time"


def test_the_picture_of_a_plan_numbers_its_steps_and_names_what_broke(campaign: Path) -> None:
    tree = ElementTree.fromstring((campaign / "plans" / "plan-1" / "plan.svg").read_text(encoding="utf-8"))
    words = [text.text or "" for text in tree.iter(f"{SVG}text")]
    assert all(str(number) in words for number in range(1, 7))
    assert "4  open prefect-deploy on a: broke overdue, ticks" in words
    assert {"worker-killed", "lost", "Late", "a: interval 5m anchor 2026-01-01T00:00:00"} <= set(words)
    height = float(tree.attrib["height"])
    assert all(0 < float(text.attrib["y"]) < height for text in tree.iter(f"{SVG}text"))


def test_the_numbers_of_steps_that_begin_together_do_not_lie_upon_each_other(campaign: Path) -> None:
    tree = ElementTree.fromstring((campaign / "plans" / "plan-1" / "plan.svg").read_text(encoding="utf-8"))
    marks = [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in tree.iter(f"{SVG}circle")
             if one.attrib["class" if "class" in one.attrib else "r"] in ("step", "cut")]  # fmt: skip
    assert len(marks) == 6
    apart = [max(abs(x - u), abs(y - v)) for n, (x, y) in enumerate(marks) for u, v in marks[n + 1 :]]
    assert min(apart) >= 16


def test_the_page_opens_with_what_broke_and_fetches_nothing(campaign: Path) -> None:
    text = (campaign / "index.html").read_text(encoding="utf-8")
    assert text.index('id="plan-1" open') < text.index('id="plan-2"') < text.index('id="plan-3"')
    assert "broke overdue, ticks" in text and "kept all" in text
    assert text.count("<svg ") == 3 and text.count("default-src 'none'") == 1
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    for link in re.findall(r'href="([^"#]+)"', text):
        assert (campaign / link).is_file(), link


def test_the_page_counts_promises_and_what_was_executed_in_which_state_and_after_what(campaign: Path) -> None:
    text = (campaign / "index.html").read_text(encoding="utf-8")
    cells = {
        row[0]: row[1:] for row in (re.findall(r"<td[^>]*>([^<]*)</td>", line) for line in text.splitlines()) if row
    }
    coverage = read_campaign(campaign).coverage
    assert cells["overdue"] == ["1", "2", "", "", ""]
    kinds, states = list(KINDS), ["quiet", "hurt", "overdue"]
    for pair, times in coverage.pairs.items():
        first, then = pair.split(" > ")
        assert cells[first][kinds.index(then)] == str(times)
    rows = re.findall(r"<tr><td>([^<]+)</td><td class=\"n\">(\d*)</td>((?:<td class=\"n\">\d*</td>){3})</tr>", text)
    by_state = {kind: [times, *re.findall(r">(\d*)</td>", rest)] for kind, times, rest in rows}
    for kind in kinds:
        wanted = [coverage.steps.get(kind, 0), *(coverage.places.get(f"{state}: {kind}", 0) for state in states)]
        assert by_state[kind] == [str(number or "") for number in wanted]


def test_the_summary_names_each_plan_that_broke_a_promise(campaign: Path) -> None:
    text = (campaign / "summary.md").read_text(encoding="utf-8")
    assert "3 plans, 2 of them with news" in text
    assert "| plan-1 | 6 | overdue, ticks |  | [report](plans/plan-1/report.md) |" in text
    assert "plan-3" not in text
    assert "| overdue | 1 | 2 | 0 | 0 | 0 |" in text, text


@pytest.mark.rule(
    "recheck-campaign-plan-views", "A picture or report that does not follow from the histories is refused."
)
@pytest.mark.parametrize("name", ["plan.svg", "report.md"])
def test_a_view_of_a_plan_that_was_changed_is_refused(campaign: Path, name: str) -> None:
    path = campaign / "plans" / "plan-1" / name
    path.write_text(path.read_text(encoding="utf-8").replace("overdue", "none"), encoding="utf-8")
    write_checksums(campaign)
    assert f"'plan-1': {name} is not what its histories come to" in recheck_campaign(campaign).objections


@pytest.mark.rule("recheck-campaign-views", "A page or a summary that does not follow from the plans is refused.")
def test_a_view_of_a_campaign_that_was_changed_is_refused(campaign: Path) -> None:
    for name in ("index.html", "summary.md"):
        (campaign / name).write_text("", encoding="utf-8")
    write_checksums(campaign)
    says = [f"{name} is not what its plans come to" for name in ("index.html", "summary.md")]
    assert sorted(recheck_campaign(campaign).objections) == says


def test_markup_in_a_reason_stays_text(campaign: Path) -> None:
    result, evil = read_campaign(campaign), "<script>alert(1)</script>"
    first = result.plans[0]
    spoiled = replace(first, promises={**first.promises, "overdue": PromiseSeen(came_to=BROKEN, reason=evil)})
    made = made_again(Campaign(campaign, replace(result, plans=[spoiled, *result.plans[1:]])))
    assert evil not in made["index.html"] and "&lt;script&gt;" in made["index.html"]


def test_every_step_that_a_plan_can_have_is_said_in_words_of_its_own() -> None:
    drawn = {str(step): step for seed in range(80) for step in draw(seed, 1, 12).steps}
    for said, step in drawn.items():
        sentence = in_words(step, {})
        assert sentence.endswith(".") and sentence.lower() != f"{said}.", said
