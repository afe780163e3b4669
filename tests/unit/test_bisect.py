"""The command `bisect`: its probes, its report, and going on after an interrupt. No trial is run here."""

from __future__ import annotations

import io
import json
import secrets
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace
from packaging.version import Version
from rich.console import Console

from harness.commands import bisect as module
from harness.commands.bisect import Probes, Question, bisect, start
from harness.runs import unseen
from harness.runs.ask import RunAsk
from harness.store.results import write_results
from harness.subjects.release import Release, Target
from harness.verdict.controls import beside_controls
from harness.words.errors import Interrupted, UsageError
from tests.unit.entries import trial

RELEASES = ["3.0.0", "3.0.4", "3.0.8", "3.0.9", "3.1.0", "3.2.0", "3.3.3", "3.3.4", "3.4.0", "3.9.1"]
LATEST = Release("latest", "3.9.1", "", "", note="3.9.2 is newer and was passed over")
Outcome = Callable[[str], str]


class Runs:
    """Stands in for real trials: what each release comes to, and what was asked."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.control: Outcome | None = None  # of a door that hits the twin, too
        self.asked: list[str] = []
        self.moments = set[str]()  # at which doors were to be opened

    def __call__(self, request: RunAsk, console: Console, **_: object) -> int:
        (release,) = request.subjects
        self.asked.append(release)
        self.moments.add(request.at)
        folder = request.results / f"run-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        facts: dict[str, Any] = {"subject": release, "scenario": request.scenarios[0]}
        one = trial(**facts, outcome=self.outcome(release), folder=f"trials/{release}", door=request.doors[0])
        trials = [one]
        if self.control:
            beside = trial(**facts, outcome=self.control(release), folder=f"trials/{release}-none", door="none")
            trials = beside_controls([beside, replace(one, reach="server", control=f"{release}-none")])
        write_results(folder, trials, exit_code=0, seconds=61.0)
        latest = request.results / "latest"
        latest.unlink(missing_ok=True)
        latest.symlink_to(folder.name)
        return 0


def changed_at(release: str) -> Outcome:
    return lambda asked: "survived" if Version(asked) >= Version(release) else "lost"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[[Outcome], Runs]:
    """An index with RELEASES, an engine, and trials that come to what a test says."""

    def plant(outcome: Outcome) -> Runs:
        runs = Runs(outcome)
        engine = SimpleNamespace(name="processes", target=lambda: Target("3.11", ""))
        monkeypatch.setattr(unseen, "run_matrix", runs)
        monkeypatch.setattr(module, "choose_engine", lambda _: (engine, "processes, as asked"))
        monkeypatch.setattr(
            module, "resolve_release", lambda asked, _: LATEST if asked == "latest" else Release(asked, asked, "", "")
        )
        monkeypatch.setattr(
            module, "releases_between", lambda a, b, *_: RELEASES[RELEASES.index(a) : RELEASES.index(b) + 1]
        )
        return runs

    return plant


def question(scenario: str = "worker-outage", **facts: Any) -> Question:
    return Question(**{"scenario": scenario, "door": "prefect-deploy", "engine": None, "first": "3.0.0",
                       "last": "latest", **facts})  # fmt: skip


def printed(probes: Probes) -> tuple[int, str]:
    file = io.StringIO()
    code = bisect(probes, Console(file=file, width=200))
    return code, file.getvalue()


@pytest.mark.parametrize(
    ("scenario", "release", "before"),
    [
        ("awaiting-retry", "3.0.9", "3.0.8"),
        ("worker-outage", "3.3.4", "3.3.3"),
        ("concurrency-limit", "3.3.4", "3.3.3"),
    ],
)
def test_what_is_known_is_probed_first_and_found_in_four(
    world: Callable[[Outcome], Runs], tmp_path: Path, scenario: str, release: str, before: str
) -> None:
    runs = world(changed_at(release))
    probes = start(question(scenario), tmp_path)
    code, said = printed(probes)
    assert code == 0
    assert f"{before} is lost, {release} is survived: fixed in {release} (4 probes)." in said
    assert "latest: 3.9.2 is newer and was passed over" in said
    report = (probes.folder / "report.md").read_text(encoding="utf-8")
    assert all(f"trials/{asked}/report.md" in report for asked in runs.asked)


@pytest.mark.rule("bisect-the-asked-trial", "A search follows the trial that was asked for, and not its control.")
def test_a_door_on_the_server_is_searched_beside_its_control(world: Callable[[Outcome], Runs], tmp_path: Path) -> None:
    runs = world(lambda asked: "altered" if Version(asked) >= Version("3.4.0") else "survived")
    runs.control = lambda _: "survived"
    code, said = printed(start(question("being-started", door="server-restart"), tmp_path))
    assert code == 0
    assert "3.3.4 is survived, 3.4.0 is altered" in said
    runs.control = lambda asked: "inconclusive" if asked == "3.4.0" else "survived"
    code, said = printed(start(question("being-started", door="server-restart"), tmp_path))
    assert code == 125
    assert "between them 3.4.0 (unjudged)" in said


def test_each_probe_opens_its_door_at_the_moment_that_was_asked_for(
    world: Callable[[Outcome], Runs], tmp_path: Path
) -> None:
    runs = world(changed_at("3.2.0"))
    probes = start(question("ticking", door="deploy-unchanged", at="tick-6s"), tmp_path)
    assert printed(probes)[0] == 0
    assert runs.moments == {"tick-6s"}
    assert "--at tick-6s" in (probes.folder / "report.md").read_text(encoding="utf-8")


@pytest.mark.rule("bisect-one-release-a-probe", "A door that needs two releases is not searched with one a probe.")
def test_an_upgrade_is_not_searched(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--subject OLD/upgrade=NEW"):
        start(question("upcoming", door="server-upgrade"), tmp_path)


def test_what_is_known_and_wrong_misleads_nobody(world: Callable[[Outcome], Runs], tmp_path: Path) -> None:
    world(changed_at("3.1.0"))
    _, said = printed(start(question(), tmp_path))
    assert "fixed in 3.1.0" in said


def test_an_end_that_cannot_stage_the_scenario_is_moved_to_the_first_that_can(
    world: Callable[[Outcome], Runs], tmp_path: Path
) -> None:
    runs = world(changed_at("3.3.4"))
    printed(start(question("concurrency-limit"), tmp_path))
    assert runs.asked[0] == "3.0.4"


@pytest.mark.rule("bisect-resumes", "A search that goes on tries no release again.")
def test_an_interrupted_search_says_how_to_go_on_and_asks_nothing_twice(
    world: Callable[[Outcome], Runs], tmp_path: Path
) -> None:
    first = world(changed_at("3.3.4"))

    def interrupted(release: str) -> str:
        if len(first.asked) == 3:
            raise Interrupted(signal.SIGINT)
        return changed_at("3.3.4")(release)

    first.outcome = interrupted
    probes = start(question(), tmp_path)
    file = io.StringIO()
    with pytest.raises(Interrupted):
        bisect(probes, Console(file=file, width=200))
    assert f"--resume {probes.folder}" in file.getvalue()
    second = world(changed_at("3.3.4"))
    code, said = printed(Probes.read(probes.folder))
    assert code == 0 and "fixed in 3.3.4" in said
    assert not set(first.asked[:2]) & set(second.asked)


@pytest.mark.rule("bisect-not-pinned-down", "A search that does not find one release or commit gives no answer.")
def test_a_change_that_is_not_pinned_down_is_said_to_be_and_ends_with_125(
    world: Callable[[Outcome], Runs], tmp_path: Path
) -> None:
    world(lambda asked: "error" if asked == "3.3.3" else changed_at("3.3.4")(asked))
    code, said = printed(start(question(), tmp_path))
    assert code == 125
    assert "fixed after 3.2.0 and by 3.3.4; between them 3.3.3 (unjudged)" in said


def test_ends_the_wrong_way_round_are_refused_before_anything_is_tried(
    world: Callable[[Outcome], Runs], tmp_path: Path
) -> None:
    runs = world(changed_at("3.3.4"))
    with pytest.raises(UsageError, match="is not older than"):
        printed(start(question(first="3.3.4", last="3.3.3"), tmp_path))
    assert runs.asked == []


@pytest.mark.parametrize("outcome", ["error", "inconclusive", "not-applicable"])
def test_ends_that_cannot_be_judged_end_with_125(
    world: Callable[[Outcome], Runs], tmp_path: Path, outcome: str
) -> None:
    world(lambda _: outcome)
    code, said = printed(start(question(), tmp_path))
    assert code == 125 and "could not be judged" in said


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"scenario": "worker-outtage"}, "Did you mean 'worker-outage'"),
        ({"door": "deplo"}, "There is no door"),
        ({"first": "old"}, "is not a subject"),
        ({"last": "path:."}, "is"),
        ({"at": "noon"}, "There is no moment 'noon'"),
        ({"at": "tick-2s"}, "cannot be staged"),
        ({"clock": "wrap"}, "There is no clock 'wrap'"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_started(
    tmp_path: Path, facts: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        start(question(**facts), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_search_cannot_be_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no search"):
        Probes.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda saved: saved["probes"].append({"release": "3.3.3", "outcome": "zzz", "evidence": ""}),
            "holds .zzz. as",
        ),
        (
            lambda saved: saved["probes"].append({"release": "old", "outcome": "lost", "evidence": ""}),
            "is not a subject",
        ),
        (lambda saved: saved["probes"].append({"release": "3.3.3"}), "holds no search"),
        (lambda saved: saved["probes"].append("3.3.3"), "holds no search"),
        (lambda saved: saved.update(probes=None), "holds no search"),
        (lambda saved: saved["question"].update(database="mysql"), "There is no database"),
        (lambda saved: saved["question"].update(first=3), "holds no search"),
        (lambda saved: saved["question"].update(door="serve-stop"), "Nothing to search"),
        (lambda saved: saved["question"].update(scenario="outage"), "There is no scenario"),
    ],
)
def test_a_search_that_somebody_wrote_into_is_not_gone_on_with(
    change: Callable[[dict[str, Any]], object], words: str, tmp_path: Path
) -> None:
    probes = start(question(), tmp_path)
    probes.add("3.0.0", "lost", "run/trial")
    file = probes.folder / "bisect.json"
    saved = json.loads(file.read_text(encoding="utf-8"))
    change(saved)
    file.write_text(json.dumps(saved), encoding="utf-8")
    with pytest.raises(UsageError, match=words):
        Probes.read(probes.folder)


def test_a_search_is_refused_where_its_results_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written to"):
        start(question(), tmp_path / "file")
