"""The search for the release in which an outcome changed, told what each probe came to."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.verdict.search import UNJUDGED, Found, Search, summary

OLD, NEW = "lost", "survived"


def releases(number: int) -> list[str]:
    return [f"3.0.{patch}" for patch in range(number)]


def carried_out(search: Search, probe: Callable[[str], str]) -> Found:
    """The search taken to its end."""
    for _ in range(10 * len(search.releases)):
        found = search.standing()
        if found.probe is None:
            return found
        search.tell(found.probe, probe(found.probe))
    raise AssertionError(f"it never ends: {search.verdicts}")


def changing_at(names: list[str], place: int) -> Callable[[str], str]:
    """A history of releases whose outcome changes at one place."""
    return lambda release: NEW if names.index(release) >= place else OLD


@given(st.data())
def test_it_finds_the_release_that_changed_it_in_as_few_probes_as_halving_takes(data: st.DataObject) -> None:
    names = releases(data.draw(st.integers(2, 200)))
    place = data.draw(st.integers(1, len(names) - 1))
    search = Search(names)
    found = carried_out(search, changing_at(names, place))
    assert (found.before, found.after, found.old, found.new) == (names[place - 1], names[place], OLD, NEW)
    probes = sum(len(told) for told in search.verdicts.values())
    assert probes <= 2 + math.ceil(math.log2(len(names) - 1))


@given(st.data())
def test_a_right_guess_takes_four_probes_and_a_wrong_one_misleads_nobody(data: st.DataObject) -> None:
    names = releases(data.draw(st.integers(5, 200)))
    place, guess = data.draw(st.integers(1, len(names) - 1)), data.draw(st.integers(0, len(names) - 1))
    search = Search(names, guess=names[guess])
    found = carried_out(search, changing_at(names, place))
    assert (found.before, found.after) == (names[place - 1], names[place])
    if place == guess:
        assert len(search.verdicts) <= 4


@given(st.data())
def test_releases_that_cannot_be_judged_are_passed_over_and_named(data: st.DataObject) -> None:
    names = releases(data.draw(st.integers(4, 40)))
    place = data.draw(st.integers(1, len(names) - 1))
    broken = data.draw(st.sets(st.sampled_from(names[1:-1])))
    judge = changing_at(names, place)
    found = carried_out(Search(names), lambda release: UNJUDGED if release in broken else judge(release))
    sound = [name for name in names if name not in broken]
    assert found.before == max((name for name in sound if judge(name) == OLD), key=names.index)
    assert found.after == min((name for name in sound if judge(name) == NEW), key=names.index)
    between = names[names.index(found.before) + 1 : names.index(found.after)]
    assert list(found.passed_over) == between
    assert set(between) <= broken


@pytest.mark.rule("bisect-tries-again", "What could not be judged is tried once more.")
def test_what_could_not_be_judged_is_tried_once_more() -> None:
    names = releases(3)
    tries: dict[str, int] = {}

    def flaky(release: str) -> str:
        tries[release] = tries.get(release, 0) + 1
        return UNJUDGED if tries[release] == 1 else changing_at(names, 1)(release)

    found = carried_out(Search(names), flaky)
    assert (found.before, found.after, found.passed_over) == (names[0], names[1], {})
    assert tries == dict.fromkeys(names, 2)


@pytest.mark.rule("bisect-neither-end", "A verdict that fits neither end is asked for again.")
def test_a_verdict_that_fits_neither_end_is_asked_for_again_and_never_taken_for_one_of_them() -> None:
    names = releases(3)
    search = Search(names)
    found = carried_out(search, lambda release: {names[0]: OLD, names[1]: "altered", names[2]: NEW}[release])
    assert search.verdicts[names[1]] == ["altered", "altered"]
    assert (found.before, found.after, found.passed_over) == (names[0], names[2], {names[1]: "altered"})
    assert not found.is_exact
    text = summary(found, search.verdicts)
    assert f"fixed after {names[0]} and by {names[2]}; between them {names[1]} (altered)" in text


@pytest.mark.rule("bisect-ends-differ", "A search whose two ends have the same outcome ends at once.")
@pytest.mark.parametrize("outcome", [OLD, NEW, "altered"])
def test_ends_with_the_same_outcome_end_the_search_at_once(outcome: str) -> None:
    search = Search(releases(9))
    found = carried_out(search, lambda _: outcome)
    assert "nothing to halve" in found.reason
    assert len(search.verdicts) == 2


@pytest.mark.rule("bisect-end-gives-way", "An end that cannot be judged gives way to a release further in.")
@given(st.data())
def test_an_end_that_cannot_be_judged_gives_way_to_one_further_in(data: st.DataObject) -> None:
    names = releases(data.draw(st.integers(20, 120)))
    place = data.draw(st.integers(10, len(names) - 10))
    broken = [*names[: data.draw(st.integers(0, 8))], *names[len(names) - data.draw(st.integers(0, 8)) :]]
    judge = changing_at(names, place)
    search = Search(names)
    found = carried_out(search, lambda release: UNJUDGED if release in broken else judge(release))
    assert (found.before, found.after, found.is_exact) == (names[place - 1], names[place], True)
    given_up = [release for release in search.verdicts if release in broken]
    assert all(search.verdicts[release] == [UNJUDGED] * 2 for release in given_up)
    assert bool(given_up) == ("could not be judged" in summary(found, search.verdicts))


def test_one_busy_moment_at_an_end_moves_no_end() -> None:
    names, tries = releases(5), {"3.0.4": iter([UNJUDGED])}
    found = carried_out(
        Search(names), lambda release: next(tries.get(release, iter(())), changing_at(names, 4)(release))
    )
    assert (found.before, found.after, found.is_exact) == ("3.0.3", "3.0.4", True)


def test_a_search_without_an_end_that_can_be_judged_ends_and_names_it() -> None:
    names = releases(9)
    search = Search(names)
    found = carried_out(search, lambda release: OLD if release in names[:4] else UNJUDGED)
    assert found.reason.startswith(f"{names[-1]} could not be judged")
    assert not found.is_exact
    assert len(search.verdicts[names[-1]]) == 2, "the end itself is tried once more before it is given up"


def test_an_outcome_that_went_back_and_forth_is_said_to_have() -> None:
    names = releases(3)
    search = Search(names, verdicts={names[0]: [OLD], names[1]: [NEW], names[2]: [NEW]})
    assert search.standing().reason == ""
    longer = Search([*names, "3.0.3", "3.0.4"], verdicts={**search.verdicts, "3.0.3": [OLD], "3.0.4": [NEW]})
    assert "changed more than once" in longer.standing().reason


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [(OLD, NEW, "fixed in 3.0.1"), (NEW, OLD, "broken in 3.0.1"), (OLD, "altered", "changed in 3.0.1")],
)
def test_the_end_of_a_search_is_said_in_one_sentence(old: str, new: str, word: str) -> None:
    search = Search(releases(3))
    found = carried_out(search, lambda release: old if release == "3.0.0" else new)
    text = summary(found, search.verdicts)
    assert text.startswith(f"3.0.0 is {old}, 3.0.1 is {new}") and word in text and text.count(".") >= 1


@pytest.mark.rule("bisect-contradicting-end", "An end that came to two outcomes ends the search.")
@pytest.mark.parametrize("end", [0, -1])
def test_an_end_that_came_to_two_outcomes_ends_the_search(end: int) -> None:
    search = Search(releases(8))
    for name, outcome in ((search.releases[0], OLD), (search.releases[-1], NEW)):
        search.tell(name, outcome)
    search.tell(search.releases[end], NEW if end == 0 else OLD)
    found = search.standing()
    assert found.probe is None
    assert found.reason.endswith(": its probes contradict each other")
    assert search.releases[end] in summary(found, search.verdicts)
