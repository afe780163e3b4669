"""The append-only record, read back whole or cut short."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import history as history_module
from harness.history import History, of_kind, read_history
from harness.words.events import DoorClosed, Look, Note, Phase, Unreadable
from harness.words.facts import Answer, FlowRun
from harness.words.redaction import Redactor


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "trial" / "history.jsonl")


def test_events_come_back_in_order_with_their_facts_and_a_time(history: History) -> None:
    history.add("phase", phase="stage")
    history.add("note", text="x")
    first, second = history.events()
    assert isinstance(first, Phase) and isinstance(second, Note)
    assert (first.kind, first.phase, second.text) == ("phase", "stage", "x")
    assert "" < first.at <= second.at


def test_a_kind_or_a_field_that_no_record_has_is_not_written(history: History) -> None:
    with pytest.raises(TypeError, match="no event 'phase' has stage"):
        history.add("phase", stage="x")
    with pytest.raises(TypeError, match="no event 'dream' has text"):
        history.add("dream", text="x")
    assert not history.path.exists()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"kind": "phase", "phase": 3}', "phase: Expected `str`, got `int` - at `$.phase`"),
        ('{"kind": "phase"}', "phase: Object missing required field `phase`"),
        ('{"kind": "dream"}', "no kind of event: 'dream'"),
        ('{"phase": "stage"}', "no kind of event: None"),
        ('{"kind": ["phase"]}', "no kind of event: ['phase']"),
    ],
)
def test_a_line_that_is_no_known_event_says_what_is_wrong_with_it(history: History, line: str, problem: str) -> None:
    history.path.write_text(line + "\n", encoding="utf-8")
    (event,) = history.events()
    assert isinstance(event, Unreadable)
    assert event.problem == problem


def test_a_last_line_cut_short_is_left_out(history: History) -> None:
    history.add("phase", phase="stage")
    history.add("note", text="a note")
    whole = history.events()
    text = history.path.read_text(encoding="utf-8")
    last = len(text.splitlines()[-1])
    for missing in range(2, last + 1):
        history.path.write_text(text[:-missing], encoding="utf-8")
        assert history.events() == whole[:1], f"{missing} characters missing"


def test_a_broken_line_before_the_last_is_named(history: History) -> None:
    history.add("phase", phase="stage")
    with history.path.open("a", encoding="utf-8") as file:
        file.write('{"at": "2030-01\n')
    history.add("phase", phase="prove")
    with pytest.raises(ValueError, match=r"history\.jsonl:2: not a history line"):
        history.events()


def test_a_line_that_is_no_object_is_no_event(history: History) -> None:
    history.path.write_text('[1]\n{"kind": "note"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="not an object"):
        history.events()


def test_a_history_that_was_never_opened_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_history(tmp_path / "history.jsonl")


@pytest.mark.parametrize("text", ["one\ntwo", "line\u2028separator", "next\x85line", "form\x0cfeed", "ünï ✓", '"}\\'])
def test_no_text_breaks_a_line(history: History, text: str) -> None:
    history.add("note", text=text)
    history.add("note", text="the next")
    assert [note.text for note in of_kind(history.events(), Note)] == [text, "the next"]
    assert len(history.path.read_text(encoding="utf-8").splitlines()) == 2


def test_events_written_at_once_by_several_threads_are_all_there(history: History) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: history.add("note", text=f"{number} " + "x" * 3000), range(64)))
    assert sorted(int(note.text.split()[0]) for note in of_kind(history.events(), Note)) == list(range(64))


@pytest.mark.parametrize("secret", ["pnu_0123456789", 'a "quoted" one', "back\\slash\\", "a, {b: [c]}", "two\nlines"])
def test_a_line_that_held_a_secret_is_still_json_and_holds_it_no_more(
    history: History, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "redact", Redactor({"PREFECT_API_KEY": secret}))
    history.add("door", door="x", nonce="n", output=f"using {secret}.", server_log=[f"a {secret}"], exit_code=0)
    text = history.path.read_text(encoding="utf-8")
    assert json.loads(text)["output"] == "using ***."
    assert json.loads(text)["server_log"] == ["a ***"]
    assert secret not in text and json.dumps(secret)[1:-1] not in text
    assert of_kind(history.events(), DoorClosed)[0].exit_code == 0


@pytest.mark.rule("history-no-secrets-in-records", "No secret that a record holds is written into a history.")
def test_a_record_in_a_list_is_written_as_one_without_its_secrets_and_without_what_it_lacks(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "redact", Redactor({"PREFECT_API_KEY": "hunter2hunter2"}))
    run = FlowRun(run="r", side="twin", parameters={"key": "hunter2hunter2"})
    answers = [Answer(run="r", status=404, body={"detail": "hunter2hunter2 is gone"}), Answer(run="r", status=None)]
    history.add("listing", when="before the door", runs=[run], by_id=["r"], by_deployment=[])
    history.add("look", when="after the door", answers=answers)
    lines = [json.loads(line) for line in history.path.read_text(encoding="utf-8").splitlines()]
    assert lines[0]["runs"] == [{"run": "r", "side": "twin", "parameters": {"key": "***"}}]
    assert lines[1]["answers"][0] == {"run": "r", "status": 404, "body": {"detail": "*** is gone"}}
    (look,) = of_kind(history.events(), Look)
    assert look.answers[1] == answers[1]


def test_of_kind_keeps_the_order_and_passes_over_other_kinds() -> None:
    events = [Note(text="1"), Unreadable(problem="x"), Phase(phase="a"), Note(text="3")]
    assert [note.text for note in of_kind(events, Note)] == ["1", "3"]
