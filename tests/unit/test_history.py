"""The append-only record, read back whole or cut short."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import history as history_module
from harness.history import Event, History, of_kind, read_history
from harness.words.redaction import Redactor


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "trial" / "history.jsonl")


def test_events_come_back_in_order_with_their_facts_and_a_time(history: History) -> None:
    first = history.add("phase", phase="stage")
    second = history.add("note", text="x")
    assert history.events() == [first, second]
    assert (first["kind"], first["phase"]) == ("phase", "stage")
    assert first["at"] <= second["at"]


def test_a_last_line_cut_short_is_left_out(history: History) -> None:
    whole = [history.add("phase", phase="stage"), history.add("note", text="a note")]
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
    assert [event["text"] for event in history.events()] == [text, "the next"]
    assert len(history.path.read_text(encoding="utf-8").splitlines()) == 2


def test_events_written_at_once_by_several_threads_are_all_there(history: History) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: history.add("note", text="x" * 3000, number=number), range(64)))
    assert sorted(event["number"] for event in history.events()) == list(range(64))


@pytest.mark.parametrize("secret", ["pnu_0123456789", 'a "quoted" one', "back\\slash\\", "a, {b: [c]}", "two\nlines"])
def test_a_line_that_held_a_secret_is_still_json_and_holds_it_no_more(
    history: History, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "redact", Redactor({"PREFECT_API_KEY": secret}))
    history.add("door", output=f"using {secret}.", server_log=[f"a {secret}", {"deep": secret}], exit_code=0)
    text = history.path.read_text(encoding="utf-8")
    assert json.loads(text)["output"] == "using ***."
    assert json.loads(text)["server_log"] == ["a ***", {"deep": "***"}]
    assert secret not in text and json.dumps(secret)[1:-1] not in text
    assert history.events()[0]["exit_code"] == 0


def test_of_kind_keeps_the_order_and_passes_over_what_has_no_kind() -> None:
    events: list[Event] = [{"kind": "a", "n": 1}, {"n": 2}, {"kind": "b"}, {"kind": "a", "n": 3}]
    assert [event["n"] for event in of_kind(events, "a")] == [1, 3]
