"""A trial's timeline and diagram: what they show is what its history says, whatever its names hold."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.evidence.diagram import diagram
from harness.evidence.drawing import WIDTH, renderer, timeline
from harness.evidence.markdown import fenced
from harness.evidence.story import ROWS, Row, Span, Story, fold, tell
from harness.verdict.outcomes import judge
from tests.fakes.fake_lab import FakeLab
from tests.unit.plain import read

pytestmark = pytest.mark.pictures

SVG = "{http://www.w3.org/2000/svg}"
OUTAGE, LIMIT = "worker-outage", "concurrency-limit"
START = datetime(2030, 1, 1, tzinfo=timezone.utc)
HOSTILE = '</text><script>alert(1)</script>&\x1b[31m\x00:;#"`'


def story_of(lab: FakeLab, scenario: str) -> Story:
    events = read(lab.history(scenario))
    found = tell(events, judge(events))
    assert found
    return found


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def row(number: int, *states: str, **facts: object) -> Row:
    bars = tuple(Span(state, after(number + each), after(number + each + 1)) for each, state in enumerate(states))
    return replace(Row("treated", f"run-{number:08}", after(number), bars), **facts)  # type: ignore[arg-type]


@pytest.mark.rule("timeline-cuts-at-the-door", "A timeline ends a lost run at the door.")
def test_a_lost_run_ends_where_the_door_cut_it_off_and_the_twin_s_goes_on(lab: FakeLab) -> None:
    backlog = lab.backlog(OUTAGE)
    backlog.on_update(lambda: backlog.delete(backlog.at_risk()[:1]))
    lab.trial(OUTAGE)
    story = story_of(lab, OUTAGE)
    lost, *kept = [one for one in story.rows if one.side == "treated"]
    assert (lost.fate, lost.ended) == ("lost", "")
    (door,) = [span for span in story.spans if span.name == "the door"]
    assert door.start <= lost.segments[-1].end <= door.end
    assert [(one.fate, one.ended) for one in kept] == [("kept", "Completed")] * 2
    assert all(one.segments[-1].end > door.end for one in kept)
    assert [one.fate for one in story.rows if one.side == "twin"] == ["kept"] * 3
    assert [span.name for span in story.spans] == ["worker killed", "the door"]
    assert len(story.missing) == 1 and not story.duplicate


def test_the_states_follow_one_another_to_the_end_of_the_run(lab: FakeLab) -> None:
    lab.trial(LIMIT)
    story = story_of(lab, LIMIT)
    at_risk = next(one for one in story.rows if one.fate == "kept")
    states = [segment.name for segment in at_risk.segments]
    assert states[0] == "Scheduled" and states[-1] == "Completed" and "AwaitingConcurrencySlot" in states
    assert len(states) == len(set(states)), "asking for its slot again is no new state"
    for one in story.rows:
        assert all(a.end == b.start for a, b in zip(one.segments, one.segments[1:], strict=False))
    holder = next(one for one in story.rows if not one.fate)
    assert (holder.side, holder.ended) == ("treated", "Completed")


def test_the_svg_is_written_beside_the_report_and_is_xml(lab: FakeLab) -> None:
    entry = lab.trial(OUTAGE)
    root = ElementTree.fromstring((lab.plan.folder / entry.folder / "timeline.svg").read_text(encoding="utf-8"))
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert root.find(f"{SVG}title").text == "worker-outage--prefect-deploy--3.9.1--fake: survived"  # type: ignore[union-attr]
    assert texts.count("Completed, kept") == 6
    assert {"treated", "the twin, which nobody touched", "the door", "worker killed"} <= set(texts)


def test_a_picture_is_written_where_the_extra_is_installed(lab: FakeLab) -> None:
    entry = lab.trial(OUTAGE)
    picture = (lab.plan.folder / entry.folder / "timeline.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(picture[16:20], "big") == 2 * WIDTH


def test_a_picture_is_drawn_in_a_font_that_is_there_where_the_preferred_one_is_not(
    lab: FakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(svg_string: str, sans_serif_family: str | None, **_: Any) -> bytes:
        seen = sans_serif_family == "Liberation Sans" and not svg_string.endswith("></text></svg>")
        return b"words" if seen else b"no word"

    monkeypatch.setitem(sys.modules, "resvg_py", SimpleNamespace(svg_to_bytes=drawn))
    renderer.cache_clear()
    entry = lab.trial(OUTAGE)
    renderer.cache_clear()
    assert (lab.plan.folder / entry.folder / "timeline.png").read_bytes() == b"words"


@pytest.mark.parametrize("missing", ["extra", "fonts"])
def test_without_the_extra_or_any_font_there_is_the_svg_alone(
    lab: FakeLab, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    drawn = SimpleNamespace(svg_to_bytes=lambda **_: b"a picture without a word")
    monkeypatch.setitem(sys.modules, "resvg_py", None if missing == "extra" else drawn)
    renderer.cache_clear()
    entry = lab.trial(OUTAGE)
    renderer.cache_clear()
    folder = lab.plan.folder / entry.folder
    assert (folder / "timeline.svg").exists()
    assert not (folder / "timeline.png").exists() and not (folder / "not-written.txt").exists()


def test_the_report_draws_the_same_for_github(lab: FakeLab) -> None:
    entry = lab.trial(OUTAGE)
    report = (lab.plan.folder / entry.folder / "report.md").read_text(encoding="utf-8")
    _, _, chart = report.partition("```mermaid\n")
    lines = chart.partition("```")[0].splitlines()
    assert lines[0] == "gantt"
    assert [line.split()[1:] for line in lines if "section" in line] == [["the", "lab"], ["treated"], ["twin"]]
    assert sum(":milestone" in line for line in lines) == 6
    for line in lines[5:]:
        if "section" not in line:
            start, end = (int(part) for part in line.split(", ")[-2:])
            assert start < end


def test_a_name_with_markup_in_it_is_text_and_nothing_else() -> None:
    hostile = row(0, HOSTILE, "Running", run=HOSTILE, fate="lost", side=HOSTILE)
    story = Story(START, after(9), (hostile,), (), (), ())
    root = ElementTree.fromstring(timeline(story, HOSTILE))
    drawn = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert drawn <= {"svg", "title", "style", "g", "line", "text", "rect"}
    assert not any("\x1b" in (element.text or "") for element in root.iter())
    chart = diagram(story).partition("\n```\n")[0].splitlines()
    assert len(chart) > 6
    assert all(line.count(":") <= 1 and ";" not in line and "`" not in line for line in chart[4:])
    assert "<" not in diagram(story)


@pytest.mark.parametrize("text", ["a ``` b", "````", HOSTILE, "\n```\n# owned\n"])
def test_a_log_line_cannot_end_the_block_that_it_is_quoted_in(text: str) -> None:
    first, *within, last = fenced(text).split("\n")
    assert first == f"{last}text" and set(last) == {"`"}
    assert not any(line.startswith(last) for line in within)
    assert "\x1b" not in fenced(text)


@pytest.mark.parametrize("number", [5, ROWS, 500])
def test_many_rows_fold_into_those_that_are_alike(number: int) -> None:
    rows = [row(each, "Scheduled", "Late", fate="lost" if each % 2 else "kept") for each in range(number)]
    folded = fold(rows)
    assert sum(one.runs for one in folded) == number
    assert len(folded) == (number if number <= ROWS else 2)
    for one in folded:
        assert all(a.end <= b.start for a, b in zip(one.segments, one.segments[1:], strict=False))
    picture = timeline(Story(START, after(number + 2), tuple(folded), (), (), ()), "many")
    assert float(ElementTree.fromstring(picture).get("height") or 0) < 60 + 22 * (ROWS + 6)
    assert number <= ROWS or f"lost × {number // 2}" in picture
    assert ("so many runs with the same states" in picture) == (number > ROWS)


def test_ticks_without_a_run_or_with_several_are_marked_and_said() -> None:
    story = Story(START, after(9), (row(0, "Late"),), (), (after(1), after(2)), (after(3),))
    root = ElementTree.fromstring(timeline(story, "ticks"))
    assert len(list(root.iter(f"{SVG}path"))) == 3
    assert "ticks: 2 without a run, 1 with several" in [element.text for element in root.iter(f"{SVG}text")]
    said = [mark.find(f"{SVG}title").text for mark in root.iter(f"{SVG}path")]  # type: ignore[union-attr]
    assert said == ["00:00:01: no run", "00:00:02: no run", "00:00:03: twice"]


def test_a_history_without_a_run_has_no_story(lab: FakeLab) -> None:
    lab.site.workers_start = False
    entry = lab.trial(OUTAGE)
    events = read(lab.history(OUTAGE))
    assert tell(events, judge(events)) is None
    assert not (lab.plan.folder / entry.folder / "timeline.svg").exists()
