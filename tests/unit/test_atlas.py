"""The command `atlas`: what it tries, what it keeps, and going on where it stopped. No trial is run here."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import asdict, replace
from rich.console import Console

from harness.commands import atlas as module
from harness.commands._atlas_page import AtlasTrial, page
from harness.commands.atlas import STATES, Ask, Atlas, _in_runs, newest_of_each_minor
from harness.evidence.table import footnotes
from harness.runs import unseen
from harness.runs.ask import RunAsk
from harness.store.results import write_results
from harness.store.trial_folder import result
from harness.subjects.release import Release, Target
from harness.words.errors import UsageError
from harness.words.names import SQLITE
from harness.words.plan import Cell, Plan
from harness.words.promises import PromiseResult
from harness.words.records import TrialResult

RELEASES = ["3.2.14", "3.2.15", "3.3.3", "3.3.4"]
Outcome = Callable[[str, str], str]


class Runs:
    """Stands in for real trials: what a release and a scenario come to, and what was asked."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.asked: list[tuple[str, list[str]]] = []
        self.runs: list[list[str]] = []
        self.engines: list[str | None] = []

    def __call__(self, request: RunAsk, console: Console, **_: object) -> int:
        folder = request.results / f"20300101-000000-{secrets.token_hex(2)}"
        folder.mkdir(parents=True)
        (request.results / "latest").symlink_to(folder.name)
        trials: list[TrialResult] = []
        for release in request.subjects:
            self.asked.append((release, list(request.scenarios)))
            trials += [entry(release, scenario, door, self.outcome(release, scenario),
                             database=request.database)
                       for scenario in request.scenarios for door in request.doors]  # fmt: skip
            write_results(folder, trials, exit_code=None, seconds=60.0)
        write_results(folder, trials, exit_code=1, seconds=61.0)
        self.runs.append(list(request.subjects))
        return 0


def entry(release: str, scenario: str, door: str, outcome: str, database: str = SQLITE) -> TrialResult:
    cell = Cell(
        scenario=scenario, door=door, subject=release, version=release, as_of="", engine="processes",
        database=database, engine_detail="", lab="lab", expected="lost",
    )  # fmt: skip
    found = result(Plan("run", Path(), []), cell, [], None)
    return replace(found, outcome=outcome, as_expected=outcome == "lost", at_risk=3, lost=3)


def of_run(trial: TrialResult, run: str, **changed: str) -> AtlasTrial:
    """An entry as an atlas has it, from this run, with a few facts changed."""
    return AtlasTrial(**{**asdict(trial), "run": run, "harness": None, **changed})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[[Outcome], Runs]:
    """An index with RELEASES, an engine, and trials that come to what a test says."""

    def plant(outcome: Outcome) -> Runs:
        runs = Runs(outcome)
        engine = SimpleNamespace(name="processes", target=lambda: Target("3.11", ""))

        def chosen(name: str | None) -> tuple[Any, str]:
            runs.engines.append(name)
            return engine, "the usual"

        monkeypatch.setattr(unseen, "run_matrix", runs)
        monkeypatch.setattr(module, "choose_engine", chosen)
        monkeypatch.setattr(module, "resolve_release", lambda asked, _: Release(asked, asked, "", ""))
        monkeypatch.setattr(module, "releases_between", lambda a, b, *_: RELEASES)
        return runs

    return plant


def asked(folder: Path, **changed: Any) -> Ask:
    return Ask(**{"first": "3.2.14", "last": "3.3.4", "doors": ("prefect-deploy",),
                  "results": folder / "results", "into": folder / "atlas", **changed})  # fmt: skip


def carried_out(tmp_path: Path, **changed: Any) -> tuple[int, str]:
    file = io.StringIO()
    console = Console(file=file, width=200)
    return module.run(asked(tmp_path, **changed), console), file.getvalue()


def test_every_release_is_tried_once_and_shown_with_what_was_lost(
    world: Callable[[Outcome], Runs], tmp_path: Path
) -> None:
    runs = world(lambda release, _: "survived" if release == "3.3.4" else "lost")
    code, printed = carried_out(tmp_path / "not there yet" / "3.2")
    assert [release for release, _ in runs.asked] == RELEASES
    assert code == 1, "what survives where it is known to be lost contradicts"
    assert "3.2.14: awaiting-retry prefect-deploy lost" in printed
    page = (tmp_path / "not there yet" / "3.2" / "atlas.md").read_text(encoding="utf-8")
    assert "| 3.3.3 | lost 3/3 | lost 3/3 | lost 3/3 | lost 3/3 |" in page
    assert "| 3.3.4 | survived (!) |" in page
    assert "--results" not in page, "it says nothing of folders of this machine"
    assert "--from 3.2.14 --to 3.3.4" in page and "--engine processes --database sqlite" in page and "--into" in page


def test_asked_again_it_tries_only_what_has_no_verdict_yet(world: Callable[[Outcome], Runs], tmp_path: Path) -> None:
    world(lambda release, scenario: "error" if (release, scenario) == ("3.3.3", "worker-outage") else "lost")
    assert carried_out(tmp_path)[0] == 125
    again = world(lambda *_: "lost")
    assert carried_out(tmp_path)[0] == 0
    assert again.asked == [("3.3.3", ["worker-outage"])]
    saved = Atlas(tmp_path / "atlas.json").trials
    assert len(saved) == len(RELEASES) * len(STATES) and {trial.outcome for trial in saved} == {"lost"}


@pytest.mark.rule("atlas-keeps-verdicts", "In the atlas, a verdict is replaced only by another verdict.")
def test_what_was_judged_gives_way_to_another_verdict_alone(world: Callable[[Outcome], Runs], tmp_path: Path) -> None:
    atlas = Atlas(tmp_path / "atlas.json")
    first, second = (entry("3.3.3", "worker-outage", door, "lost") for door in ("prefect-deploy", "none"))
    atlas.add([of_run(first, "1"), of_run(second, "1", outcome="error")])
    atlas.add([of_run(first, "2", outcome="error"), of_run(second, "2")])
    assert {(t.door, t.outcome, t.run) for t in Atlas(tmp_path / "atlas.json").trials} == {
        ("prefect-deploy", "lost", "1"),
        ("none", "lost", "2"),
    }


def test_an_atlas_is_of_one_engine_and_database(world: Callable[[Outcome], Runs], tmp_path: Path) -> None:
    world(lambda *_: "lost")
    carried_out(tmp_path)
    with pytest.raises(UsageError, match="processes, sqlite; name another --into"):
        carried_out(tmp_path, database="postgres")


def test_it_goes_on_where_it_was_begun(world: Callable[[Outcome], Runs], tmp_path: Path) -> None:
    world(lambda *_: "error")
    carried_out(tmp_path, database="postgres")
    again = world(lambda *_: "lost")
    code, printed = carried_out(tmp_path)
    assert code == 0 and "processes, postgres, as" in printed
    assert again.engines == ["processes"], "the engine of its data, whatever answers now"
    assert {trial.database for trial in Atlas(tmp_path / "atlas.json").trials} == {"postgres"}


def test_the_page_says_how_to_go_on_with_just_this_survey(world: Callable[[Outcome], Runs], tmp_path: Path) -> None:
    world(lambda *_: "lost")
    carried_out(tmp_path, scenarios=["upcoming"], doors=["none"])
    page = (tmp_path / "atlas.md").read_text(encoding="utf-8")
    assert "--scenario upcoming --door none" in page


def test_an_interrupt_loses_nothing_of_the_releases_before_it(world: Callable[[Outcome], Runs], tmp_path: Path) -> None:
    def interrupted(release: str, _: str) -> str:
        if release == "3.3.4":
            raise KeyboardInterrupt
        return "error" if release == "3.3.3" else "lost"

    world(interrupted)
    with pytest.raises(KeyboardInterrupt):
        carried_out(tmp_path)
    kept = {trial.subject for trial in Atlas(tmp_path / "atlas.json").trials}
    assert kept == {"3.2.14", "3.2.15"}, "a trial that the interrupt cut short came to nothing of its own"
    again = world(lambda *_: "lost")
    carried_out(tmp_path)
    assert [release for release, _ in again.asked] == ["3.3.3", "3.3.4"]


def test_releases_are_tried_several_in_one_run_and_each_scenario_only_where_it_is_lacking(
    world: Callable[[Outcome], Runs], tmp_path: Path
) -> None:
    runs = world(lambda release, scenario: "error" if (release, scenario) == ("3.3.3", "worker-outage") else "lost")
    _, printed = carried_out(tmp_path)
    assert runs.runs == [RELEASES]
    assert "3.2.14, 3.2.15, 3.3.3, 3.3.4 (1 to 4 of 4)" in printed
    assert "4 of 4; these took 61 s, the rest may take 0 min" in printed
    lacking = [(str(number), ("worker-outage",) if number < 10 else ()) for number in range(20)]
    lacking[3] = ("3", ("upcoming",))
    assert [(len(releases), scenarios) for releases, scenarios in _in_runs(lacking)] == [
        (3, ("worker-outage",)),
        (1, ("upcoming",)),
        (6, ("worker-outage",)),
    ]
    assert [len(releases) for releases, _ in _in_runs([(str(n), ("upcoming",)) for n in range(20)])] == [8, 8, 4]


def test_neighbours_of_the_same_outcomes_are_one_row_and_one_column(
    world: Callable[[Outcome], Runs], tmp_path: Path
) -> None:
    world(lambda release, scenario: "error" if release == "3.2.15" and scenario == "upcoming" else "lost")
    _, printed = carried_out(tmp_path, scenarios=["worker-outage", "upcoming"])
    page = (tmp_path / "atlas.md").read_text(encoding="utf-8")
    rows = [line for line in page.partition("## Each release")[0].splitlines() if line.startswith("| 3")]
    assert rows == ["| 3.2.14 | lost | lost |", "| 3.2.15 | error | lost |", "| 3.3.3 to 3.3.4 (2) | lost | lost |"]
    assert sum(line.startswith("| 3") for line in page.partition("## Each release")[2].splitlines()) == len(RELEASES)
    assert "3.3.3 to 3.3.4 (2)" in printed


@pytest.mark.rule("atlas-broken-promise", "An atlas names the promises that are broken beside an outcome.")
def test_a_promise_that_is_broken_beside_the_outcome_is_named_and_ends_a_span() -> None:
    broken = {"unwanted": PromiseResult(outcome="broken", expected="broken", as_expected=True, reason="")}
    trials = [
        of_run(replace(entry(release, "upcoming", "prefect-deploy", "survived"), promises=promises), "20300101-0")
        for release, promises in (("3.3.3", broken), ("3.3.4", {}), ("3.4.0", {}))
    ]
    text = page(trials, "")
    assert "| 3.3.3 | survived, unwanted broken" in text
    assert "| 3.3.4 to 3.4.0 (2) | survived" in text


def test_a_footnote_of_many_releases_names_the_ends_of_each_span() -> None:
    one = replace(entry("", "worker-outage", "none", "error"), reason="no answer", as_expected=None)
    trials = [replace(one, subject=release) for release in ("1", "2", "3", "5")]
    assert footnotes(trials, ["1", "2", "3", "4", "5"]) == ["worker-outage, none on 1 to 3, 5: error: no answer."]
    assert footnotes(trials) == ["worker-outage, none on 1, 2, 3, 5: error: no answer."]


def test_the_newest_of_each_minor_version() -> None:
    assert newest_of_each_minor(["2.20.20", *RELEASES, "3.10.0"]) == ["2.20.20", "3.2.15", "3.3.4", "3.10.0"]


@pytest.mark.parametrize("content", ["", "[]", "{}", "[" * 100_000, '{"schema": 2, "trials": []}'])
def test_what_is_no_atlas_is_not_written_over(tmp_path: Path, content: str) -> None:
    file = tmp_path / "atlas.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="another --into"):
        Atlas(file)


@pytest.mark.parametrize("changed", [{"run": None}, {"subject": 3}, {"harness": ["a commit"]}])
def test_an_atlas_with_an_entry_that_was_not_written_so_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    file = tmp_path / "atlas.json"
    Atlas(file).add([of_run(entry("3.3.3", "worker-outage", "none", "lost"), "1")])
    assert len(Atlas(file).trials) == 1
    saved = json.loads(file.read_text(encoding="utf-8"))
    saved["trials"][0].update(changed)
    file.write_text(json.dumps(saved), encoding="utf-8")
    with pytest.raises(UsageError, match=next(iter(changed))):
        Atlas(file)


@pytest.mark.parametrize(
    ("changed", "words"), [({"first": "path:."}, "no release|no source tree"), ({"first": "3.9.1"}, "not older")]
)
def test_what_cannot_be_surveyed_is_refused_before_anything_is_tried(
    world: Callable[[Outcome], Runs], tmp_path: Path, changed: dict[str, str], words: str
) -> None:
    runs = world(lambda *_: "lost")
    with pytest.raises(UsageError, match=words):
        carried_out(tmp_path, **changed)
    assert runs.asked == []
