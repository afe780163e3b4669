"""How often a repeated trial came to each outcome: counts, intervals, and what more it would take."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.evidence.frequency import Frequency, claim, frequencies, needed
from harness.verdict.outcomes import OUTCOMES
from harness.words.records import TrialResult
from tests.unit.entries import trial


def trials(*outcomes: str | None, door: str = "none") -> list[TrialResult]:
    return [trial(scenario="late", door=door, subject="3.3.4", outcome=outcome) for outcome in outcomes]


def interval(times: int, of: int) -> tuple[float, float]:
    return Frequency("late", "none", "3.3.4", "survived", times, of).interval()


@pytest.mark.rule("frequency-counts-all", "A repetition without a verdict is one of the N in k of N.")
@given(st.lists(st.sampled_from([*OUTCOMES, None]), min_size=1, max_size=30))
def test_every_repetition_is_counted_once_those_without_a_verdict_too(outcomes: list[str | None]) -> None:
    found = frequencies(trials(*outcomes))
    assert {one.outcome: one.times for one in found} == Counter(outcome or "not run" for outcome in outcomes)
    assert {one.of for one in found} == {len(outcomes)}
    assert [one.times for one in found] == sorted((one.times for one in found), reverse=True)


@given(st.integers(1, 500).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_interval_holds_the_rate_and_never_claims_certainty(counted: tuple[int, int]) -> None:
    times, of = counted
    low, high = interval(times, of)
    assert 0 <= low <= times / of <= high <= 1
    assert low < high, "no number of repetitions is certainty"
    if times == of:
        assert low < 1
    if times == 0:
        assert high > 0


def test_the_interval_is_wilsons() -> None:
    # Newcombe (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29, 20 of 20 by symmetry with 0 of 20.
    assert interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert interval(20, 20) == pytest.approx((0.8389, 1.0), abs=5e-5)


def test_what_would_be_needed_is_the_least_number_that_is_enough() -> None:
    assert (needed(0.05), needed(0.01)) == (59, 299)
    for rate in (0.3, 0.05, 0.01):
        assert (1 - rate) ** needed(rate) <= 0.05 < (1 - rate) ** (needed(rate) - 1)


def test_a_single_trial_claims_nothing_of_rates() -> None:
    assert claim(trials("survived")) == []


def test_repetitions_are_said_with_their_interval_and_what_more_it_would_take() -> None:
    survived, lost, more = claim([*trials(*["survived"] * 19, "lost")])
    assert survived == "late, none, 3.3.4: survived 19 of 20 (95 %: 76% to 99%)"
    assert lost.startswith("late, none, 3.3.4: lost 1 of 20")
    assert "up to 14%" in more and "59 all alike" in more


def test_cells_are_counted_apart() -> None:
    found = frequencies([*trials("survived", "survived"), *trials("lost", door="pause-deployment")])
    assert [(one.door, one.outcome, one.times, one.of) for one in found] == [
        ("none", "survived", 2, 2),
        ("pause-deployment", "lost", 1, 1),
    ]


@pytest.mark.rule("repetition-same-database", "Trials on different databases are no repetitions of each other.")
def test_what_ran_on_another_database_is_no_repetition() -> None:
    elsewhere = [replace(one, database="postgres") for one in trials("survived")]
    found = frequencies([*trials("survived"), *elsewhere])
    assert [(one.times, one.of, one.ground) for one in found] == [
        (1, 1, "processes, sqlite"),
        (1, 1, "processes, postgres"),
    ]
    assert str(found[1]).startswith("late, none, 3.3.4, processes, postgres: survived 1 of 1")
