"""The promise that a concurrency limit holds."""

from __future__ import annotations

import pytest

from tests.unit.plain import Line, ask
from tests.unit.promised import deployment, outcome, trial

ID = "treated-run-{}"


def mark(number: int, began: int, ended: int | None, side: str = "treated") -> Line:
    """The mark of an execution, in seconds."""
    times = {name: at and f"2030-01-01T00:01:{at:02}Z" for name, at in (("began", began), ("ended", ended))}
    return {"run": f"{side}-run-{number}", "process": number + 1, "parameters": {}, **times}


def limited(*marks: Line, limit: int | None = 1, after: int | None = 1, deleted: bool = False) -> list[Line]:
    """A trial whose deployments have a limit, and in which this was executed."""
    both, later = deployment(limit=limit), {"deleted": True} if deleted else deployment(limit=after)
    return trial(
        treated={"before": both, "after": later}, twin={"before": both, "after": both}, marks=[mark(0, 30, 40), *marks]
    )


@pytest.mark.rule("limit-is-reached", "An execution that begins when as many are under way as may be breaks the limit.")
@pytest.mark.rule("limit-by-begin-and-end", "An execution that has ended takes no place any more.")
def test_executions_side_by_side_beyond_the_limit_break_it_and_one_after_the_other_do_not() -> None:
    assert outcome("limit", limited(mark(1, 40, 50), mark(2, 50, 55))) == "held"
    said = ask("limit", limited(mark(1, 39, 50)))
    assert said and (said.outcome, said.breaches[0].run) == ("broken", "treated-run-1")
    assert said.reason == "run treated-run-1 began to be executed beside 1 others (treated-run-0), and the limit is 1"
    assert outcome("limit", limited(mark(1, 39, 50), mark(2, 50, 55), limit=2, after=2)) == "held"
    assert outcome("limit", limited(mark(1, 31, 50), mark(2, 32, 50), limit=2, after=2)) == "broken"


@pytest.mark.rule("limit-the-larger", "Of a limit that the door changed, the larger one counts.")
@pytest.mark.parametrize(("limit", "after"), [(2, 1), (1, 2)])
def test_of_a_limit_that_changed_the_larger_counts(limit: int, after: int) -> None:
    assert outcome("limit", limited(mark(1, 39, 50), mark(2, 50, 55), limit=limit, after=after)) == "held"


@pytest.mark.rule(
    "limit-open-end-says-nothing", "An execution that never ended takes no place: its process may be gone."
)
def test_an_execution_without_an_end_says_nothing() -> None:
    assert outcome("limit", limited(mark(1, 20, None), mark(2, 45, 50))) == "held"


def test_an_execution_that_never_ended_began_all_the_same() -> None:
    assert outcome("limit", limited(mark(1, 40, 50), mark(2, 45, None))) == "broken"


@pytest.mark.parametrize(("limit", "after", "deleted"), [(None, None, False), (1, None, False), (1, 1, True)])
def test_where_there_is_no_limit_all_along_there_is_nothing_to_look_at(
    limit: int | None, after: int | None, deleted: bool
) -> None:
    lines = limited(mark(1, 39, 50), limit=limit, after=after, deleted=deleted)
    said = ask("limit", lines)
    assert said is None or "treated" not in said.reason


def test_a_twin_whose_limit_does_not_hold_either_forbids_a_verdict() -> None:
    twin = mark(0, 30, 40, "twin"), mark(1, 39, 50, "twin")
    assert outcome("limit", limited(mark(1, 39, 50), *twin)) == "inconclusive"


@pytest.mark.rule("limit-could-be-broken", "A limit that no more runs asked for than it allows says nothing.")
def test_a_limit_that_could_not_be_broken_says_nothing() -> None:
    assert outcome("limit", limited()) == "nothing"
    assert outcome("limit", limited(mark(1, 39, 50), limit=2, after=2)) == "nothing"
    assert outcome("limit", limited(mark(1, 20, None), mark(2, 25, None))) == "nothing"
