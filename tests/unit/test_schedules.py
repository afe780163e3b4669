"""Schedules in words: each becomes what prefect.yaml says, and back; what names none is told so in a few lines."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.trials.scenario import load_scenarios
from harness.trials.templates import as_in_the_file, render
from harness.words.errors import LabError, UsageError
from harness.words.schedule_words import EXAMPLES, LIMITS, parse_limit, parse_schedule, parse_schedules
from harness.words.schedules import Schedules, Shape

FIRST = datetime(2030, 6, 1, 12, tzinfo=timezone.utc)
PINNED = "DTSTART:20300601T120000\nRRULE:FREQ=SECONDLY;INTERVAL=1;COUNT=3"
TOLD = {
    "FLOWS": "outage", "NAME": "one", "FLOW": "treated", "POOL": "pool", "DIRECTORY": "/somewhere",
    "SCHEDULES": "", "CONCURRENCY_LIMIT": "", "DESCRIPTION": "staged", "PARAMETERS": "{}", "SLUG": "",
    "QUEUE": "null", "JOB_VARIABLES": "{}",
}  # fmt: skip


def in_the_file(**changed: str) -> str:
    """The lines of a deployment that come after its work pool."""
    template = load_scenarios()["worker-outage"].file("prefect.yaml").read_text(encoding="utf-8")
    text = render(template, [as_in_the_file({**TOLD, **changed}, FIRST, PINNED)])
    return "\n".join(
        line.rstrip() for line in text.partition("      job_variables: {}\n")[2].splitlines() if line.strip()
    )


def test_nothing_named_is_the_harness_own_rule() -> None:
    assert (
        in_the_file()
        == f"""\
    schedules:
      - rrule: {json.dumps(PINNED)}
        timezone: "UTC\""""
    )
    assert parse_schedules([]) == Schedules((Shape(kind="pinned"),)) == parse_schedules(["pinned"])


def test_several_schedules_are_lines_of_yaml_one_after_the_other() -> None:
    words = (
        'cron 22 2 * * * Europe/Paris day_or false slug nightly parameters {"note": "a b"}\ninterval 5m anchor first'
    )
    assert (
        in_the_file(SCHEDULES=words, CONCURRENCY_LIMIT="2 CANCEL_NEW grace 60")
        == """\
    concurrency_limit: {"limit": 2, "collision_strategy": "CANCEL_NEW", "grace_period_seconds": 60}
    schedules:
      - cron: "22 2 * * *"
        timezone: "Europe/Paris"
        day_or: false
        parameters: {"note": "a b"}
        slug: "nightly"
      - interval: 300
        anchor_date: "2030-06-01T12:00:00+00:00\""""
    )


def test_none_has_no_key_and_empty_has_no_entry() -> None:
    assert in_the_file(SCHEDULES="none") == ""
    assert in_the_file(SCHEDULES="empty", CONCURRENCY_LIMIT="1") == "    concurrency_limit: 1\n    schedules: []"


def test_a_rule_that_begins_with_the_first_tick_does_so_in_its_own_zone() -> None:
    rule = "rrule DTSTART:first RRULE:FREQ=SECONDLY;COUNT=3 Europe/Paris inactive"
    assert (
        in_the_file(SCHEDULES=rule)
        == """\
    schedules:
      - rrule: "DTSTART:20300601T140000\\nRRULE:FREQ=SECONDLY;COUNT=3"
        timezone: "Europe/Paris"
        active: false"""
    )


def test_a_slug_that_a_door_names_is_the_first_schedules() -> None:
    said = in_the_file(SCHEDULES="interval 5m\ncron 0 3 * * *", SLUG="staged")
    assert said.count("slug:") == 1
    assert said.index('slug: "staged"') < said.index("cron:")


def test_a_value_that_no_template_has_is_refused() -> None:
    with pytest.raises(LabError, match="no value RRULE"):
        in_the_file(RRULE="FREQ=DAILY")


@pytest.mark.parametrize("words", [words for words, _ in EXAMPLES if words not in ("empty", "none")])
def test_each_example_of_the_page_is_read_and_said_again(words: str) -> None:
    shape = parse_schedule(words)
    assert parse_schedule(shape.words) == shape


@pytest.mark.parametrize("words", [words for words, _ in LIMITS])
def test_each_limit_of_the_page_is_read_and_said_again(words: str) -> None:
    limit = parse_limit(words)
    assert limit and parse_limit(limit.words) == limit
    assert parse_limit("") is None


_SHAPES = st.one_of(
    st.builds(
        lambda rule, day_or: {"kind": "cron", "rule": rule, "day_or": day_or},
        st.sampled_from(["22 2 * * *", "*/5 8-18 1,15 * MON-FRI", "@hourly", "* * * * * */2", "0 0 L * *"]),
        st.booleans(),
    ),
    st.builds(
        lambda seconds, anchor: {"kind": "interval", "seconds": seconds, "anchor": anchor},
        st.sampled_from([0.5, 1.0, 90.0, 86400.0]),
        st.sampled_from(["", "first", "2026-01-01T00:00:00+01:00"]),
    ),
    st.builds(
        lambda rule: {"kind": "rrule", "rule": rule},
        st.sampled_from(["FREQ=DAILY", "DTSTART:first\nRRULE:FREQ=SECONDLY;COUNT=5", "RRULE:FREQ=WEEKLY;BYDAY=MO"]),
    ),
)


@given(
    _SHAPES, st.sampled_from(["", "UTC", "Europe/Paris"]), st.sampled_from(["", "nightly"]), st.booleans(),
    st.sampled_from([{}, {"note": "a  b", "n": [1, None]}]),
)  # fmt: skip
def test_what_a_schedule_says_of_itself_is_read_as_the_same(
    facts: dict[str, object], zone: str, slug: str, active: bool, parameters: dict[str, object]
) -> None:
    shape = Shape(**{**facts, "timezone": zone, "slug": slug, "active": active, "parameters": parameters})  # type: ignore[arg-type]
    assert parse_schedule(shape.words) == shape


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("", "it begins with ''"),
        ("nightly 3", "it begins with 'nightly'"),
        ("cron 22 2 * *", "is no cron of five fields"),
        ("cron 61 2 * * *", "is no cron of five fields"),
        ("cron 0 9 * * * Europe/Pariss", "'Europe/Pariss' is no time zone"),
        ("cron 0 9 * * * Europe/Paris noon", "a schedule by cron has no 'noon'"),
        ("cron 0 9 * * * anchor first", "a schedule by cron has no 'anchor'"),
        ("cron 0 9 * * * day_or maybe", "day_or is true or false, not 'maybe'"),
        ("interval", "is no interval such as"),
        ("interval 0s", "is no interval such as"),
        ("interval 5m anchor noon", "the anchor 'noon' is no time"),
        ("interval 5m slug", "'slug' has no value"),
        ("rrule", "is no RRULE"),
        ("rrule FREQ=OFTEN", "is no RRULE"),
        ("rrule FREQ=DAILY parameters [1]", "are no JSON object"),
        ("cron 0 9 * * * parameters {", "are no JSON object"),
        ("pinned Europe/Paris", "is in UTC"),
    ],
)
def test_what_names_no_schedule_is_told_why_in_a_few_lines(words: str, why: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_schedules([words])
    assert why in str(raised.value)
    assert len(str(raised.value).splitlines()) <= 3


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["none", "cron 0 9 * * *"], "name no other beside it"),
        (["empty", "empty"], "name no other beside it"),
        (["interval 5m slug a", "interval 6m slug a"], "Two schedules have the slug 'a'"),
    ],
)
def test_schedules_that_cannot_stand_together_are_refused(words: list[str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        parse_schedules(words)


@pytest.mark.parametrize("words", ["0", "many", "1 SOMETIMES", "1 grace", "-1", "1 CANCEL_NEW grace soon"])
def test_what_is_no_limit_is_refused_with_an_example(words: str) -> None:
    with pytest.raises(UsageError, match="There is no concurrency limit"):
        parse_limit(words)


@pytest.mark.parametrize(
    ("words", "ends", "first", "pinned"),
    [
        ([], True, True, True),
        (["cron 0 9 * * *"], False, False, False),
        (["pinned", "cron 0 9 * * *"], False, True, True),
        (["pinned", "cron 0 9 * * * inactive"], True, True, True),
        (["rrule DTSTART:first RRULE:FREQ=SECONDLY;COUNT=5"], True, True, False),
        (["interval 2s anchor first"], False, True, False),
        (["rrule FREQ=DAILY"], False, False, False),
        (["none"], True, False, False),
    ],
)
def test_it_is_known_whether_schedules_end_and_where_they_begin(
    words: list[str], ends: bool, first: bool, pinned: bool
) -> None:
    found = parse_schedules(words)
    assert (found.ends, found.starts_at_first, found.is_pinned) == (ends, first, pinned)
