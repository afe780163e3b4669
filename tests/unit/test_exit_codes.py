"""The laws of the exit code (docs/verdicts.md)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from harness import cli
from harness.verdict.outcomes import OUTCOMES, exit_code
from harness.words import ownership
from harness.words.errors import Interrupted, LabError, UsageError
from harness.words.records import TrialResult
from tests.unit import entries


def trial(outcome: str | None, expected: str | None, ticks: bool | None = None) -> TrialResult:
    known = entries.ticks(as_expected=ticks, expected=None if ticks is None else "whole")
    return entries.trial(outcome=outcome, expected=expected, promises=known)


JUDGED = ("lost", "altered", "stranded", "survived")
as_known = st.sampled_from(JUDGED).map(lambda outcome: trial(outcome, outcome))
contradicting = st.tuples(st.sampled_from(JUDGED), st.sampled_from(("lost", "survived"))).filter(
    lambda pair: pair[0] != pair[1]
).map(lambda pair: trial(*pair))  # fmt: skip
unjudged = st.builds(trial, st.sampled_from(["error", "inconclusive", None]), st.sampled_from(["lost", "survived"]))
unknown = st.sampled_from(JUDGED).map(lambda outcome: trial(outcome, None))
passed_over = st.just(trial("not-applicable", "not-applicable"))
anything = st.lists(st.one_of(as_known, contradicting, unjudged, unknown, passed_over), max_size=6)


@given(st.lists(as_known, min_size=1), st.lists(st.one_of(passed_over, unknown)))
def test_0_when_every_verdict_of_which_anything_is_known_is_as_expected(
    held: list[TrialResult], others: list[TrialResult]
) -> None:
    assert exit_code([*others, *held]) == 0


@pytest.mark.rule("exit-1-first", "One contradiction ends a run with 1, whatever else there is.")
@given(anything, contradicting)
def test_1_when_one_outcome_contradicts_whatever_else_there_is(others: list[TrialResult], one: TrialResult) -> None:
    assert exit_code([one, *others]) == exit_code([*others, one]) == 1


@pytest.mark.parametrize(("held", "code"), [(True, 0), (False, 1), (None, 125)])
def test_a_trial_of_whose_ticks_alone_something_is_known_is_one_by_itself(held: bool | None, code: int) -> None:
    came_to = "inconclusive" if held is None else "whole"
    ticks = entries.ticks(expected="whole", as_expected=held, outcome=came_to)
    upcoming = entries.trial(outcome="lost", judged_by="ticks", promises=ticks)
    assert exit_code([upcoming]) == code
    assert exit_code([replace(upcoming, outcome="inconclusive")]) == 125, "no verdict on the runs, none on their ticks"


@given(anything)
def test_1_when_the_ticks_of_one_trial_contradict(others: list[TrialResult]) -> None:
    assert exit_code([*others, trial("survived", "survived", ticks=False)]) == 1
    assert exit_code([*others, trial("survived", "survived", ticks=True)]) == exit_code([*others, as_survived()])


@pytest.mark.rule("exit-125-judged-by", "If the promise that a trial is judged by was not judged, a run ends with 125.")
def test_125_when_the_promise_that_a_trial_is_judged_by_could_not_be_judged() -> None:
    one = replace(as_survived(), promises=entries.ticks(expected="whole", as_expected=None))
    assert exit_code([as_survived(), one]) == 125
    unclear = replace(as_survived(), judged_by="ticks", promises=entries.ticks(outcome="inconclusive"))
    assert exit_code([as_survived(), unclear]) == 125
    assert exit_code([as_survived(), replace(unclear, promises={})]) == 125, "nothing was said of it"
    assert exit_code([as_survived(), replace(unclear, promises=entries.ticks())]) == 0


def as_survived() -> TrialResult:
    return trial("survived", "survived")


@pytest.mark.rule("expected-null-without-verdict", "`as_expected` is null for error and inconclusive.")
@pytest.mark.rule("exit-125-unjudged", "A trial that could not be judged ends a run with 125.")
@given(st.lists(st.one_of(as_known, unknown, passed_over)), unjudged)
def test_125_when_nothing_contradicts_and_something_could_not_be_judged(
    others: list[TrialResult], one: TrialResult
) -> None:
    assert exit_code([one, *others]) == exit_code([*others, one]) == 125


@pytest.mark.rule("exit-125-nothing-known", "A run with no verdict of which anything is expected ends with 125.")
@pytest.mark.rule("exit-125-not-applicable", "A run whose every trial is not applicable ends with 125.")
@pytest.mark.rule("exit-codes", "The exit codes are 0, 1, 2 and 125.")
@given(st.lists(st.one_of(passed_over, unknown)))
def test_125_when_no_cell_had_a_verdict_of_which_anything_is_known(trials: list[TrialResult]) -> None:
    assert exit_code(trials) == 125


@given(anything)
def test_a_cell_that_is_not_applicable_changes_no_code(trials: list[TrialResult]) -> None:
    assert exit_code([*trials, trial("not-applicable", "not-applicable")]) == exit_code(trials)


@given(anything, st.randoms(use_true_random=False))
def test_the_order_of_the_trials_changes_no_code(trials: list[TrialResult], shuffle: Any) -> None:
    other = list(trials)
    shuffle.shuffle(other)
    assert exit_code(other) == exit_code(trials)


@pytest.mark.rule("exit-0-needs-an-expectation", "A run of which nothing is expected is no success.")
def test_0_only_where_every_outcome_was_judged_and_known() -> None:
    zero = {(o, e) for o in (*OUTCOMES, None) for e in (*OUTCOMES, None) if exit_code([trial(o, e)]) == 0}
    assert zero == {(outcome, outcome) for outcome in JUDGED}


@pytest.fixture
def reproduce(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[BaseException | int], int]]:
    """The command `harness reproduce` with a run that ends as told; gives its exit code."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setitem(os.environ, ownership.ENV_OWNER, str(ownership.Owner.of_this_process()))

    def command(ending: BaseException | int) -> int:
        def run(*_: object) -> int:
            if isinstance(ending, BaseException):
                raise ending
            return ending

        monkeypatch.setattr("harness.commands._trials.run_matrix", run)
        return cli.main(["reproduce"])

    yield command
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.rule("exit-128-signal", "An interrupted command ends with 128 and the signal's number.")
@pytest.mark.parametrize(
    ("ending", "code"),
    [
        pytest.param(0, 0, id="as expected"),
        pytest.param(1, 1, id="contradicted"),
        pytest.param(UsageError("There is no scenario 'x'."), 2, id="wrong usage"),
        pytest.param(LabError("no engine answers"), 125, id="no lab"),
        pytest.param(Interrupted(signal.SIGINT), 130, id="Ctrl-C"),
        pytest.param(Interrupted(signal.SIGTERM), 143, id="terminated"),
    ],
)
def test_the_command_ends_with_the_code_of_what_happened(
    reproduce: Callable[[BaseException | int], int], ending: BaseException | int, code: int
) -> None:
    assert reproduce(ending) == code


@pytest.mark.rule("exit-2-usage", "Wrong usage ends with 2.")
@pytest.mark.parametrize("words", [[], ["reproduce", "--subjects", "3.3.3"], ["reproduce", "-n", "0"], ["reprduce"],
                                   ["gate", "--repeat", "1000000000"], ["gate", "--repeat", "٣٣٣٣٣٣"],
                                   ["cells", "--subject=--"], ["gate", "--engine=--"],
                                   ["merge", "x", "--into", "y", "--planned", '{"include": [3]}'],
                                   ["lab", "--results", "/dev/null"]])  # fmt: skip
def test_wrong_usage_ends_with_2_in_at_most_three_lines(
    reproduce: object, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("harness: ") and len(said.splitlines()) <= 3


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["gate", "--subjct", "3.3.4"], "Did you mean --subject?"),
        (["atlas", "--newest-of-minr"], "Did you mean --newest-of-minor?"),
        (["atlas", "--database", "mysql"], "choose from"),
    ],
)
def test_a_misspelt_option_is_answered_with_the_nearest_and_a_right_one_with_none(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    said = capsys.readouterr().err
    assert hint in said and said.count("Did you mean") == int("Did" in hint) and len(said.splitlines()) <= 3


@pytest.mark.rule("exit-125-does-not-load", "A harness that cannot be loaded ends with 125.")
def test_a_harness_that_does_not_load_is_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text("raise ImportError('an installation that is not whole')", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "harness", "gate"],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, "an installation that is not whole" in done.stderr) == (125, True)
