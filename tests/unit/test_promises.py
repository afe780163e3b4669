"""What makes a promise one that can be believed, whatever it promises; what is expected of it, and who is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

import harness.known
from harness.checkers import Check, Checker, load_checkers, load_promises
from harness.doors import load_doors
from harness.evidence import Run
from harness.evidence.grid import grid_of
from harness.evidence.page import page
from harness.evidence.report import report
from harness.evidence.summary import summary
from harness.evidence.table import footnotes
from harness.known import known_promises, load_known, load_known_promises
from harness.runs.plan import plan_cell
from harness.store.results import write_results
from harness.store.trial_folder import result
from harness.trials.scenario import load_scenarios
from harness.verdict import outcomes
from harness.verdict.outcomes import broken_promises, contradicts, exit_code, objection, said, unjudged
from harness.words.errors import UsageError
from harness.words.plan import Cell, Plan
from harness.words.promises import Expectation, Promise, PromiseResult
from harness.words.records import TrialResult
from tests.unit import entries
from tests.unit.plain import Line, ask, judge, promises, read
from tests.unit.stories import whole_history

SOUND = ("completed",) * 3
TWICE = ("executed twice", "completed", "completed")
NOWHERE = Plan("run", Path(), [])


def broken_once(*, twin: tuple[str, ...] = SOUND) -> list[Line]:
    """A history in which a run of the treated deployment was executed twice."""
    return whole_history(TWICE, twin)


def promise(outcome: str, expected: str | None = None) -> PromiseResult:
    held = None if expected is None or outcome == "inconclusive" else outcome == expected
    known = "PrefectHQ/prefect#1" if expected else ""
    return PromiseResult(outcome=outcome, expected=expected, as_expected=held, reason="why", reference=known)


def trial(outcome: str | None = "survived", expected: str | None = "survived", **of: PromiseResult) -> TrialResult:
    return entries.trial(outcome=outcome, expected=expected, promises=of)


# What can be believed.


def test_a_sound_trial_breaks_no_promise_and_a_broken_one_changes_no_outcome_of_its_own() -> None:
    found = judge(whole_history(SOUND, SOUND))
    assert found.outcome == "survived"
    assert all(one.outcome == load_promises()[name].kept for name, one in found.promises.items()), found.promises
    assert {"once", "orphans"} <= found.promises.keys() <= load_promises().keys()


@pytest.mark.rule("promise-twin-breaks-it-too", "A promise that the twin breaks, too, is inconclusive.")
def test_a_promise_that_the_twin_breaks_too_is_inconclusive() -> None:
    assert promises(broken_once())["once"].outcome == "broken"
    both = promises(broken_once(twin=TWICE))["once"]
    assert both.outcome == "inconclusive"
    assert both.reason.startswith("the twin, which nobody touched, breaks it: run twin-run-0 was executed 2 times")


@pytest.mark.rule(
    "promise-absolute", "If the door hits the twin, too, the treated deployment alone says what a promise came to."
)
def test_a_twin_that_the_door_hit_too_is_no_control() -> None:
    both = broken_once(twin=TWICE)
    both[0]["reach"] = "server"
    said = ask("once", both)
    assert said and (said.outcome, [breach.side for breach in said.breaches]) == ("broken", ["treated"])
    of_twin = whole_history(SOUND, TWICE)
    of_twin[0]["reach"] = "server"
    said = ask("once", of_twin)
    assert said and said.outcome == "held"


@pytest.mark.rule("promise-cut-short-says-nothing", "A history that was cut short says nothing of a promise.")
@pytest.mark.parametrize("name", load_promises())
def test_a_history_that_was_cut_anywhere_breaks_no_promise(name: str) -> None:
    whole = broken_once()
    for end in range(len(whole)):
        said = ask(name, whole[:end])
        assert said is not None and said.outcome == "inconclusive", end


@pytest.mark.rule(
    "promise-garbled-says-nothing", "A history with a line that cannot be read says nothing of a promise."
)
@pytest.mark.parametrize("name", load_promises())
def test_a_history_with_a_line_that_cannot_be_read_breaks_no_promise(name: str) -> None:
    said = ask(name, [*broken_once(), {"kind": "note", "text": 3}])
    assert said is not None and said.outcome == "inconclusive"
    assert "cannot be read" in said.reason


@pytest.mark.rule("promise-error-says-nothing", "A trial that came to `error` says nothing of a promise.")
def test_a_trial_whose_door_is_not_proven_breaks_no_promise() -> None:
    lines = [{**line, "exit_code": 1} if line["kind"] == "door" else line for line in broken_once()]
    found = judge(lines)
    assert (found.outcome, found.promises["once"].outcome) == ("error", "inconclusive")
    assert found.promises["once"].reason.startswith("the trial has no verdict: prefect-deploy exited 1")


@pytest.mark.rule("promise-silent-counts-nothing", "A trial without a verdict on its ticks counts none as missing.")
def test_ticks_without_a_verdict_are_not_counted() -> None:
    lost = whole_history(("lost", "completed", "completed"), SOUND)
    unproven = [{**line, "exit_code": 1} if line["kind"] == "door" else line for line in lost]
    both = whole_history(("lost", "completed", "completed"), ("lost", "completed", "completed"))
    found = [entry_of(lines).ticks for lines in (lost, unproven, both)]
    assert [one and (one.outcome, one.missing) for one in found] == [
        ("missing", 1), ("inconclusive", 0), ("inconclusive", 0),
    ]  # fmt: skip


@pytest.mark.rule("promise-doubt-says-nothing", "If times or doors are in doubt, nothing is said of a promise.")
@pytest.mark.parametrize("doubted", ["clock", "bystanders"])
def test_a_trial_whose_clock_stepped_or_that_another_door_touched_breaks_no_promise(
    monkeypatch: pytest.MonkeyPatch, doubted: str
) -> None:
    said = Check(outcome="inconclusive", reason="there is doubt")
    doubt = Checker(doubted, "A checker in doubt", lambda _events: said)
    monkeypatch.setattr(outcomes, "load_checkers", lambda: {**load_checkers(), doubted: doubt})
    found = judge(broken_once())
    assert (found.outcome, found.promises["once"].outcome) == ("inconclusive", "inconclusive")
    assert found.promises["once"].reason == "the trial has no verdict: there is doubt"


@pytest.mark.rule(
    "promise-never-raises", "A checker that raises leaves its promise inconclusive, and the outcome as it is."
)
def test_a_checker_of_a_promise_that_raises_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(_events: object) -> Check:
        raise LookupError("what it wanted")

    odd = Checker("odd", "A checker that raises", raises, promise="Nothing is odd")
    monkeypatch.setattr(outcomes, "load_checkers", lambda: {**load_checkers(), "odd": odd})
    found = judge(whole_history(SOUND, SOUND))
    assert (found.outcome, found.promises["odd"].outcome) == ("survived", "inconclusive")
    assert found.promises["odd"].reason == "it could not be judged: LookupError: what it wanted"


@pytest.mark.rule("promise-is-no-outcome", "What a checker of a promise says is no part of the trial's outcome.")
def test_a_checker_of_a_promise_gives_a_trial_no_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Check(outcome="lost", reason="x", promise=Promise(outcome="broken", reason="y"))
    odd = Checker("odd", "A checker that says more than it may", lambda _events: said, promise="Nothing is odd")
    monkeypatch.setattr(outcomes, "load_checkers", lambda: {**load_checkers(), "odd": odd})
    found = judge(whole_history(SOUND, SOUND))
    assert (found.outcome, found.promises["odd"].outcome) == ("survived", "broken")


# What is expected, and the exit code.


@pytest.mark.rule("exit-1-promise", "A promise that came to another outcome than the known one ends a run with 1.")
@pytest.mark.parametrize(
    ("outcome", "expected", "code"),
    [("broken", "held", 1), ("held", "broken", 1), ("held", "held", 0), ("broken", "broken", 0), ("broken", None, 0)],
)
def test_a_promise_that_contradicts_what_is_known_ends_a_run_with_1(
    outcome: str, expected: str | None, code: int
) -> None:
    one = trial(once=promise(outcome, expected))
    assert exit_code([trial(), one]) == code
    assert contradicts(one) is (code == 1)
    assert objection(one) == (f"promise once {outcome}, expected {expected} (PrefectHQ/prefect#1): why" if code else "")


@pytest.mark.rule(
    "exit-125-promise", "A promise of which something is expected, and which was not judged, ends a run with 125."
)
@pytest.mark.parametrize("expected", ["held", "broken"])
def test_a_promise_that_could_not_be_judged_ends_a_run_with_125_if_anything_is_expected(expected: str) -> None:
    one = trial(once=promise("inconclusive", expected))
    assert (exit_code([trial(), one]), unjudged(one)) == (125, True)
    assert exit_code([trial(once=promise("inconclusive"))]) == 0
    (note,) = footnotes([one])
    assert f"promise once inconclusive, expected {expected} (PrefectHQ/prefect#1): why" in note


@pytest.mark.rule("exit-promises-need-a-verdict", "Promises contradict nothing if the trial's runs have no verdict.")
def test_a_promise_contradicts_nothing_where_the_trial_has_no_verdict() -> None:
    assert exit_code([trial(outcome="inconclusive", once=promise("broken", "held"))]) == 125


@pytest.mark.rule(
    "exit-promise-alone", "A trial of whose promises alone something is expected counts as one with an expectation."
)
def test_a_trial_of_whose_promises_alone_something_is_known_is_one_by_itself() -> None:
    assert exit_code([trial(expected=None, once=promise("broken", "broken"))]) == 0
    assert exit_code([trial(expected=None, once=promise("broken", "held"))]) == 1
    assert exit_code([trial(expected=None, once=promise("held"))]) == 125


@pytest.mark.rule("exit-held-to-all-is-none", "What a gate expects of the promises of every trial is no success alone.")
@pytest.mark.rule("table-not-asked", "If a gate expects nothing of a trial's outcome, the table says why.")
def test_a_gate_through_a_door_that_deletes_runs_by_design_is_no_success_by_its_promises() -> None:
    cell = plan_cell(
        load_scenarios()["worker-outage"], load_doors()["delete-deployment"], subject="path:.", version="3.9.1",
        as_of="", engine="fake", engine_detail="", held=True,
    )  # fmt: skip
    lines = whole_history(("lost",) * 3, ("completed",) * 3)
    one = result(NOWHERE, cell, read(lines), judge(lines))
    assert (one.outcome, one.promises["once"].as_expected) == ("lost", True)
    assert exit_code([one]) == 125
    (note,) = footnotes([one])
    assert "lost: its door deletes runs by design, so a gate expects nothing of that" in note
    broken = replace(one, promises={**one.promises, "orphans": replace(one.promises["once"], as_expected=False)})
    assert exit_code([broken]) == 1
    assert exit_code([one, trial()]) == 0


def entry_of(lines: list[Line], **known: str) -> TrialResult:
    """The entry of a trial with this history, of whose promises this is known."""
    cell = Cell(
        "worker-outage", "prefect-deploy", "3.3.4", "3.3.4", "", "fake", "sqlite", "a fake", "lab",
        promises={name: Expectation(outcome=one, reference="PrefectHQ/prefect#1") for name, one in known.items()},
    )  # fmt: skip
    return result(NOWHERE, cell, read(lines), judge(lines))


@pytest.mark.rule("broken-beside-the-outcome", "A promise that scenarios are judged by is not told beside the outcome.")
def test_ticks_that_a_lost_run_takes_along_are_told_as_the_outcome_or_not_at_all() -> None:
    both = {"once": promise("broken"), "ticks": promise("missing")}
    lost = trial("lost", "lost", **both)
    assert list(broken_promises(lost)) == ["once"]
    assert [note for note in footnotes([lost]) if "ticks" in note] == []
    assert said(msgspec.structs.replace(lost, judged_by="ticks")) == "ticks missing"


def test_an_entry_says_of_each_promise_what_is_known_and_whether_it_came_to_that() -> None:
    found = entry_of(broken_once(), once="held", orphans="broken").promises
    assert (found["once"].outcome, found["once"].expected, found["once"].as_expected) == ("broken", "held", False)
    assert (found["orphans"].outcome, found["orphans"].as_expected) == ("held", False)
    assert found["once"].reference == "PrefectHQ/prefect#1"
    assert entry_of(broken_once()).promises["once"].as_expected is None


@pytest.mark.rule(
    "promise-known-broken-wants-a-word", "A promise that is known to be broken is unjudged if nothing could show it."
)
def test_a_promise_known_to_be_broken_that_nothing_was_seen_of_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    blind = Checker("blind", "A checker that sees nothing", lambda _events: Check(), promise="Nothing is seen")
    monkeypatch.setattr(outcomes, "load_checkers", lambda: {**load_checkers(), "blind": blind})
    assert "blind" not in entry_of(whole_history(SOUND, SOUND), blind="held").promises
    known = entry_of(whole_history(SOUND, SOUND), blind="broken")
    assert (known.promises["blind"].outcome, unjudged(known)) == ("inconclusive", True)


def test_a_trial_that_was_not_judged_yet_says_nothing_of_promises() -> None:
    cell = plan("prefect-deploy", held=True)
    assert result(NOWHERE, cell, [], None).promises == {}


def plan(
    door: str,
    *,
    held: bool = False,
    version: str = "3.3.4",
    scenario: str = "worker-outage",
    roles: dict[str, str] | None = None,
) -> Cell:
    return plan_cell(
        load_scenarios()[scenario], load_doors()[door], subject=version, version=version, as_of="", engine="fake",
        engine_detail="", held=held, versions=roles,
    )  # fmt: skip


def expected(cell: Cell) -> dict[str, str]:
    """What is expected of each promise."""
    return {name: one.outcome for name, one in cell.promises.items()}


@pytest.mark.rule("gate-holds-promises", "`gate` and `check` expect every promise to be held.")
@pytest.mark.rule("null-door-holds-promises", "Through the null door every promise is held by definition.")
def test_a_gate_and_the_null_door_hold_every_promise_and_nothing_else_does() -> None:
    every = {name: one.kept for name, one in load_promises().items()}
    beside = {name: said for name, said in every.items() if name != "ticks"}
    assert expected(plan("prefect-deploy", held=True)) == beside
    assert expected(plan("none")) == every
    assert {one.reference for one in plan("none").promises.values()} == {"by definition"}
    assert plan("prefect-deploy").promises == {}
    assert expected(plan("delete-deployment", held=True)) == beside


KNOWN = """
summary = "Something"
reference = "PrefectHQ/prefect#1"

[[promise]]
name = "once"
doors = ["resume-deployment"]
versions = ">=3.9.1"
outcome = "broken"

[[promise]]
name = "orphans"
families = ["update"]
backlogs = ["awaiting-slot"]
outcome = "held"
reference = "PrefectHQ/prefect#2"
"""

OUTCOME = """
summary = "Something of another kind"
reference = "PrefectHQ/prefect#3"

[[known]]
doors = ["resume-deployment"]
backlogs = ["overdue"]
versions = ">=3.9.1"
outcome = "survived"
"""


@pytest.fixture
def known_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One more folder of known outcomes."""
    monkeypatch.setattr(harness.known, "__path__", [*harness.known.__path__, str(tmp_path)])
    for one in (load_known, load_known_promises):
        one.cache_clear()
    yield tmp_path
    for one in (load_known, load_known_promises):
        one.cache_clear()


@pytest.mark.rule("promise-known-is-expected", "What is known of a promise is expected of it.")
@pytest.mark.rule(
    "promise-known-of-a-backlog", "What is known of a promise for no kind of runs by name is known for all."
)
def test_what_is_known_of_a_promise_is_expected_through_its_doors_on_its_releases(known_folder: Path) -> None:
    (known_folder / "known.toml").write_text(KNOWN, encoding="utf-8")
    cell = plan("resume-deployment", version="3.9.1")
    assert cell.promises == {"once": Expectation(outcome="broken", reference="PrefectHQ/prefect#1")}
    assert plan("resume-deployment", version="3.9.0").promises == {}
    assert plan("resume-deployment", version="3.9.1", held=True).promises["once"].outcome == "held"
    door = load_doors()["prefect-deploy"]
    assert known_promises("overdue", door, "3.9.1") == {}
    assert known_promises("awaiting-slot", door, "3.9.1")["orphans"].reference == "PrefectHQ/prefect#2"


@pytest.mark.rule("known-of-a-role", "What a known outcome says of the deployer or the worker goes by its release.")
def test_what_the_deployer_decides_is_expected_by_its_release() -> None:
    for server, deployer, slug, empty in (
        ("3.9.1", "3.4.15", "broken", None),
        ("3.4.15", "3.9.1", "held", "broken"),
        ("3.9.1", "3.9.1", "held", "broken"),
        ("3.4.15", "3.4.15", "broken", None),
    ):
        roles = {"deployer": deployer} if deployer != server else {}
        paused = expected(plan("pause-then-deploy-slug", version=server, scenario="upcoming", roles=roles))
        assert {name: paused[name] for name in ("settings", "unwanted")} == dict.fromkeys(paused, slug)
        emptied = expected(plan("deploy-empty-schedules", version=server, scenario="upcoming", roles=roles))
        assert emptied.get("unwanted") == empty


def test_what_the_worker_decides_is_expected_by_its_release(known_folder: Path) -> None:
    words = 'versions = ">=3.9.1"', 'versions = ">=3.9.1"\nrole = "worker"'
    (known_folder / "known.toml").write_text(KNOWN.replace(*words), encoding="utf-8")
    (known_folder / "outcome.toml").write_text(OUTCOME.replace(*words), encoding="utf-8")
    for worker, once, outcome in (("3.9.1", {"once": "broken"}, "survived"), ("3.9.0", {}, None)):
        for others in ({}, {"deployer": "3.9.0"}, {"deployer": "3.9.1"}):
            cell = plan("resume-deployment", version="3.3.4", roles={"worker": worker, **others})
            assert (expected(cell), cell.expected) == (once, outcome)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('versions = ">=3.9.1"', 'role = "upgrade"', "Invalid enum value 'upgrade'"),
        ('name = "once"', 'name = "onec"', "There is no promise 'onec'. Did you mean 'once'?"),
        ('outcome = "broken"', 'outcome = "lost"', "the promise once is known to be broken or held, not 'lost'"),
        ('doors = ["resume', 'door = ["resume', "unknown field `door`"),
        ('versions = ">=3.9.1"', 'versions = "new"', "new"),
    ],
)
def test_a_file_that_says_it_in_another_form_is_named(known_folder: Path, was: str, becomes: str, said: str) -> None:
    (known_folder / "odd.toml").write_text(KNOWN.replace(was, becomes), encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        load_known_promises()
    assert "odd.toml" in str(raised.value)
    assert said in str(raised.value)


def test_what_is_known_of_promises_is_known_once_and_through_doors_that_there_are() -> None:
    names, families = set(load_doors()), {door.family for door in load_doors().values()} - {""}
    for one in load_known_promises():
        assert one.reference and (one.families or one.doors), one
        assert set(one.doors) <= names and set(one.families) <= families, one
    for scenario in load_scenarios().values():
        for door in load_doors().values():
            for version in ("2.20.20", "3.0.8", "3.3.3", "3.3.4", "3.4.15", "3.4.16", "3.8.5", "3.9.0", "3.9.1"):
                for roles in ({}, {"deployer": "3.4.15"}, {"deployer": "3.9.1"}, {"worker": "3.9.1"}):
                    of = scenario.backlog, door, version, roles
                    found = [one.name for one in load_known_promises() if one.is_of(*of)]
                    assert len(found) == len(set(found)), (scenario.name, door.name, version, roles)


# Who is told.


@pytest.mark.rule("table-broken-promise", "A broken promise stands in the table, below the outcome.")
@pytest.mark.rule("promise-news", "A broken promise of which nothing is known is told below the table.")
def test_a_broken_promise_is_told_in_the_table_and_as_news_where_nothing_is_known_of_it() -> None:
    news, known = (trial(once=promise("broken", expected)) for expected in (None, "broken"))
    held = trial(once=promise("held"))
    for one in (news, known):
        assert "| survived, once broken |" in summary([one], "again")
        (squares,) = grid_of([one]).rows["worker-outage"].values()
        assert [square.broken for square in squares.values() if square] == [["once"]]
    assert "| survived |" in summary([held], "again")
    assert footnotes([news]) == ["worker-outage on 3.3.3: promise once broken, of which nothing is known: why."]
    assert footnotes([known]) == footnotes([held]) == []


def test_the_page_of_a_run_says_which_promise_is_broken(tmp_path: Path) -> None:
    both = [trial(once=promise("broken")), msgspec.structs.replace(trial(once=promise("held")), subject="3.3.4")]
    write_results(tmp_path, both, exit_code=0, seconds=1.0)
    text = page(Run.read(tmp_path))
    assert text.count("survived, once broken<") == 1
    assert text.count("survived<br>once broken<") == 1
    assert "<strong>Promise once broken, of which nothing is known: why.</strong>" in text


def test_a_contradiction_by_a_promise_is_told_beside_that_of_the_runs() -> None:
    both = trial("lost", "survived", once=promise("broken", "held"))
    (note,) = footnotes([both])
    assert note.startswith("(!) worker-outage on 3.3.3: lost, expected survived")
    assert note.endswith("; promise once broken, expected held (PrefectHQ/prefect#1): why.")


def text_of(lines: list[Line], **known: str) -> str:
    entry, verdict = entry_of(lines, **known), judge(lines)
    cell = Cell("worker-outage", "prefect-deploy", "3.3.4", "3.3.4", "", "fake", "sqlite", "a fake", "lab")
    return report(cell, entry, verdict, read(lines))


def test_a_report_has_the_promises_broken_ones_first_with_the_runs_that_break_them() -> None:
    text = text_of(broken_once())
    section = text.partition("## Promises")[2].partition("\n## ")[0]
    broken, held = section.index("**broken** `once`"), section.index("**held** `orphans`")
    assert broken < held
    assert "it is news" in section
    assert "  - treated: run `treated-run-0` was executed 2 times in 1 try" in section
    assert "| `once` | Whether each run was executed once" in text
    assert "Known for this release: `broken` (PrefectHQ/prefect#1)" in text_of(broken_once(), once="broken")


def test_a_report_of_a_trial_that_was_cut_short_has_no_section_on_promises() -> None:
    assert "## Promises" not in text_of(broken_once()[:12])


def test_what_is_said_of_promises_is_json_that_is_read_again() -> None:
    entry = entry_of(broken_once(), once="held")
    assert msgspec.convert(msgspec.to_builtins(entry), TrialResult) == entry
