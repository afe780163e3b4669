"""What a practice does for the runs at risk, from the entries of trials with and without it."""

from __future__ import annotations

import io
import itertools
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import asdict, replace
from rich.console import Console

from harness.commands import experiment as module
from harness.commands._atlas_page import AtlasTrial
from harness.commands._experiment_page import page, picture, told_of
from harness.doors import load_doors
from harness.runs.experiments import Case, Experiment, Practice, experiment_named, load_experiments
from harness.runs.plan import doors_of
from harness.trials.scenario import load_scenarios
from harness.verdict.practices import (
    ANSWERS,
    DOES_NOTHING,
    HARMS,
    NOT_NEEDED,
    PROTECTS,
    REDUCES,
    UNTOLD,
    Harm,
    answer,
    harm_of,
)
from harness.words.errors import UsageError
from harness.words.promises import PromiseResult
from harness.words.records import TicksResult
from tests.unit.entries import trial as entry


def harm(hurt: int, at_risk: int = 3, *broken: str) -> Harm:
    return Harm(hurt, at_risk, frozenset(broken), 1, 1)


@pytest.mark.rule("practice-untold", "Where one of the two has no verdict, nothing is said of the practice.")
@pytest.mark.rule("practice-harms", "More runs hurt, or a promise broken beside it, is harm.")
@pytest.mark.rule("practice-not-needed", "Where nothing is lost without it, a practice protects nothing.")
@pytest.mark.rule("practice-protects", "A practice protects if no run is hurt with it that was without it.")
@pytest.mark.rule("practice-reduces", "Fewer runs hurt, and some, is less and no protection.")
@pytest.mark.parametrize(
    ("without", "practice", "said"),
    [
        (None, harm(0), UNTOLD), (harm(3), None, UNTOLD), (None, None, UNTOLD),
        (harm(3), harm(0), PROTECTS), (harm(3), harm(1), REDUCES), (harm(3), harm(3), DOES_NOTHING),
        (harm(0), harm(0), NOT_NEEDED), (harm(0), harm(1), HARMS), (harm(1), harm(3), HARMS),
        (harm(3), harm(0, 3, "settings"), HARMS), (harm(0), harm(0, 3, "ticks"), HARMS),
        (harm(3, 3, "ticks"), harm(1, 3, "ticks"), REDUCES), (harm(3), harm(1, 3, "ticks"), REDUCES),
        (harm(3, 3, "settings"), harm(0, 3, "settings"), PROTECTS),
        (harm(3, 6), harm(3, 3), HARMS),  # of fewer runs at risk
    ],
)  # fmt: skip
def test_the_answer_is_by_what_is_hurt_without_it_and_with_it(
    without: Harm | None, practice: Harm | None, said: str
) -> None:
    assert answer(without, practice) == said


def test_every_answer_is_one_of_those_that_are_named() -> None:
    cells = [None, *(harm(hurt, 3, *broken) for hurt in range(4) for broken in ((), ("ticks",), ("limit",)))]
    assert {answer(one, other) for one, other in itertools.product(cells, cells)} == set(ANSWERS)


def trial(**facts: Any) -> AtlasTrial:
    return AtlasTrial(**asdict(entry(**facts)), run="20261128-170000-abcd", harness="0123456789")


@pytest.mark.rule("practice-hurts-runs", "Of a scenario that is judged by its ticks, ticks are hurt and not runs.")
def test_what_is_hurt_is_counted_by_what_the_scenario_is_judged_by() -> None:
    lost = trial(outcome="lost", at_risk=5, lost=2, altered=1, stranded=1)
    assert harm_of([lost, lost]) == Harm(8, 10, frozenset(), 2, 2)
    ticks = TicksResult(outcome="missing", expected=None, as_expected=None, missing=1, duplicate=2, reason="")
    promises = {"ticks": PromiseResult(outcome="missing", expected=None, as_expected=None, reason="")}
    found = harm_of([replace(lost, judged_by="ticks", ticks=ticks, promises=promises)])
    assert found and (found.hurt, found.at_risk) == (3, 5)


def test_a_trial_without_a_verdict_counts_for_nothing() -> None:
    unjudged = [trial(outcome=outcome, lost=3, at_risk=3) for outcome in ("error", "inconclusive", "not-applicable")]
    assert harm_of(unjudged) is None and harm_of([]) is None
    found = harm_of([*unjudged, trial(outcome="survived", at_risk=3)])
    assert found and (found.hurt, found.judged, found.of) == (0, 1, 4)


def test_page_and_picture_say_the_same_of_each_practice() -> None:
    with_it, without = Case("upcoming"), Case("worker-outage")
    experiment = Experiment("Nothing is lost.", [Practice("wait & see", with_it, without)], name="waiting")
    trials = [
        trial(scenario="worker-outage", door="prefect-deploy", subject="3.3.3", outcome="lost", at_risk=3, lost=3),
        trial(scenario="upcoming", door="prefect-deploy", subject="3.3.3", outcome="survived", at_risk=3),
    ]
    ((words, by),) = told_of(experiment, trials)
    assert (words, by["3.3.3"].answer) == ("wait & see", PROTECTS)
    assert "| wait & see | **protects**: 3 of 3 without, 0 of 3 with |" in page(experiment, trials, "harness x")
    drawn = "".join(ET.fromstring(picture(experiment, trials)).itertext())
    assert "wait & see" in drawn and "protects" in drawn and "3 of 3 → 0 of 3" in drawn


def test_what_is_written_says_nothing_of_folders_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = entry(scenario="worker-outage", subject="3.3.3", outcome="lost", at_risk=3, lost=3)
    monkeypatch.setattr(module, "choose_engine", lambda _: (SimpleNamespace(name="processes"), "the usual"))
    monkeypatch.setattr(module, "run_unseen", lambda *_: (SimpleNamespace(trials=[lost]), "a run"))
    ask = module.Ask(name="quiet-time", subjects=("3.3.3",), results=tmp_path / "results", into=tmp_path / "into")
    said = io.StringIO()
    module.run(ask, Console(file=said, width=200))
    assert f"--results {tmp_path / 'results'} --into {tmp_path / 'into'}" in said.getvalue()
    written = (tmp_path / "into" / "measured.md").read_text(encoding="utf-8")
    assert "`nox -s experiment -- --subject 3.3.3 --engine processes quiet-time`" in written


def test_each_experiment_has_what_it_names() -> None:
    assert {"pause-update-resume", "quiet-time"} <= set(load_experiments())
    for experiment in load_experiments().values():
        assert experiment.hypothesis.endswith(".") and experiment.practices
        assert len({one.words for one in experiment.practices}) == len(experiment.practices)
    with pytest.raises(UsageError, match="There is no experiment 'nope'"):
        experiment_named("nope")


def test_a_plain_matrix_leaves_practices_to_their_experiments() -> None:
    practices = {name for name, door in load_doors().items() if door.by_name}
    assert practices == {name for name in load_doors() if name.startswith("practice-")}
    opened = {door for scenario in load_scenarios().values() for door in doors_of(scenario)}
    assert practices and not practices & opened
